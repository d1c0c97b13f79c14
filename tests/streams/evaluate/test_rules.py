"""The alert rules of today, each at the second at which it must speak."""

import numpy as np
import pytest

from coldplate.streams.evaluate.rules import Rules
from coldplate.wire.metric import CATALOGUE, Kind, metric

DEVICES = {
    Kind.GPU: ("r/n/0", "r/n/1"), Kind.NODE: ("r/n",), Kind.CDU: ("r/cdu",),
}  # fmt: skip
HEALTHY = {
    Kind.GPU: {"gpu_c": 60.0, "power_w": 690.0, "power_limit_w": 700.0, "ecc_uncorrected_total": 3.0},
    Kind.NODE: {"node_power_w": 6000.0}, Kind.CDU: {"flow_lpm": 64.0},
}  # fmt: skip


def samples(**changed: float) -> dict:
    """A tick's readings; what is changed is changed on the first device that has it."""
    out = {k: np.full((len(CATALOGUE[k]), len(ids)), np.nan) for k, ids in DEVICES.items()}
    for kind, values in HEALTHY.items():
        for name, value in values.items():
            out[kind][metric(kind, name).number] = value
            if name in changed:
                out[kind][metric(kind, name).number, 0] = changed[name]
    return out


def alerts(rules: Rules) -> list[tuple[str, str, int]]:
    """Kind, subject, second."""
    return [(s.kind, s.subject, s.opened_ms // 1000) for s in rules.said]


@pytest.mark.parametrize(
    ("changed", "kind", "subject", "after_s"),
    [
        ({"gpu_c": 86.0}, "unknown", "r/n/0", 0),
        ({"power_w": 720.0}, "unknown", "r/n/0", 60),
        ({"ecc_uncorrected_total": 4.0}, "ecc-uncorrectable", "r/n/0", 0),
        ({"flow_lpm": 50.0}, "flow-loss", "r/cdu", 100),
        ({"node_power_w": np.nan}, "silent-node", "r/n", 300),
    ],
)
def test_a_rule_speaks_once_it_has_held_for_its_time(changed, kind, subject, after_s):
    """And once while it holds."""
    rules = Rules(DEVICES)
    for t in range(500):
        rules.look(1000 * t, samples(**changed) if t >= 100 else samples())
    assert [(kind, subject, 100 + after_s)] == alerts(rules)


def test_what_ends_before_its_time_is_not_told():
    """Nor what dips now and then."""
    rules = Rules(DEVICES)
    for t in range(500):
        rules.look(1000 * t, samples(flow_lpm=50.0) if t % 100 > 10 else samples())
    assert [] == alerts(rules)


def test_what_comes_again_is_told_again():
    """After a minute without it."""
    rules = Rules(DEVICES)
    for t in range(300):
        rules.look(1000 * t, samples(gpu_c=90.0 if t in (10, 40, 200) else 60.0))
    assert [10, 200] == [t for _, _, t in alerts(rules)]


def test_every_xid_is_a_page():
    """An application's own too; a burst of one code is one."""
    rules = Rules(DEVICES)
    for t, code in ((0, 31), (1, 31), (2, 79)):
        rules.xid(1000 * t, "r/n/0", code)
    assert ["xid-31", "xid-79"] == [kind for kind, _, _ in alerts(rules)]
    assert all(s.pages for s in rules.said)
