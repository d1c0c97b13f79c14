"""How a case of the benchmark of ways in is judged, and that what is searched for secrets would find one."""

import pytest

from coldplate.console.benching.security_case import ACCEPTED, Outputs, Refused, Trial, try_out
from coldplate.console.benching.security_leaks import leaks


def _act(said, *, refuse=False):
    def act():
        if refuse:
            raise Refused(said)
        return said

    return act


@pytest.mark.parametrize(
    ("act", "expected", "ok"),
    [
        (_act("let in"), ACCEPTED, True),
        (_act("let in"), "wrong password", False),
        (_act("wrong password", refuse=True), "wrong password", True),
        (_act("timed out", refuse=True), "wrong password", False),
        (_act("wrong password", refuse=True), ACCEPTED, False),
        (_act("wrong password\nat line 3", refuse=True), "wrong password", False),
        (lambda: 1 / 0, "division", False),
    ],
)
def test_a_case_is_ok_when_it_ends_as_it_must_and_in_a_line(act, expected, ok):
    """Another refusal, several lines, or an error that nobody foresaw will not do."""
    assert ok == try_out(Trial("a case", act, expected), Outputs()).ok


def test_a_secret_is_found_wherever_it_is():
    """In what a case said and in the traceback of one that broke; each place is told, and the secret is not."""
    outputs = Outputs()
    try_out(Trial("said", _act("hush is the word")), outputs)
    try_out(Trial("refused", _act("not hush", refuse=True), "not"), outputs)
    try_out(Trial("broke", lambda: int("hush")), outputs)
    found = leaks(outputs, {"the word": "hush", "another": "never said"})
    assert {"case said", "case refused", "traceback of refused", "traceback of broke"} == {
        line.removeprefix("the word in ") for line in found
    }
    assert not any("hush" in line for line in found)
