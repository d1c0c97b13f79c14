"""The XID table against NVIDIA's catalogue of 2025-10, as far as it concerns data-centre GPUs."""

import pytest

from coldplate.streams.xid import XIDS, meaning
from coldplate.wire.fault import XID_ACTIONS, should_page
from coldplate.wire.incident import Severity

LISTED = (
    13, 31, 32, 43, 45, 46, 158, 48, 62, 63, 64, 68, 69, 74, 78, 79, 92, 93, 94, 95, 109, 110, 119, 120, 121,
    136, 137, 140, 141, 143, *range(144, 151), 154, 155, 156, 157, *range(162, 166), 171, 172,
)  # fmt: skip
APPLICATION = (13, 31, 43, 45, 68, 69)
RESET_OR_REBOOT = (46, 48, 62, 64, 79, 95, 109, 110, 119, 120, 136, 140, 143, 158)


@pytest.mark.parametrize("code", LISTED)
def test_every_listed_code_is_known(code: int) -> None:
    """With what it is and what to do."""
    what, action, _ = XIDS[code]
    assert what
    assert action


@pytest.mark.parametrize("code", APPLICATION)
def test_an_applications_own_doing_wakes_nobody(code: int) -> None:
    """Restarting the application is its owner's business."""
    assert Severity.INFO is meaning(code)[2]


@pytest.mark.parametrize("code", RESET_OR_REBOOT)
def test_what_needs_a_reset_or_hands_pages(code: int) -> None:
    """The GPU is lost to its job until somebody acts."""
    assert meaning(code)[2].pages


@pytest.mark.parametrize("code", XID_ACTIONS)
def test_what_pages_is_what_the_evaluation_expects_to(code: int) -> None:
    """By the action of the catalogue, alike in both."""
    assert should_page(f"xid-{code}") == meaning(code)[2].pages


@pytest.mark.parametrize("code", [0, 56, 999, 10**9, -1])
def test_an_unknown_code_is_a_ticket(code: int) -> None:
    """It says that it is not known instead of guessing."""
    what, _, severity = meaning(code)
    assert Severity.TICKET is severity
    assert "not in the catalogue" == what
