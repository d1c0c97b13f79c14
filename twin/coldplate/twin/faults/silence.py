"""Who says nothing, and whose clock is wrong.

A partition is told from silence afterwards: agents that were cut off worked on and send what they kept.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

ALL = (Kind.GPU, Kind.NODE, Kind.CDU, Kind.RACK)


def _gpu(act: Act) -> None:
    act.effects.gpu_silent[act.rows(Kind.GPU)] = True


def _node(act: Act) -> None:
    act.effects.node_silent[act.rows(Kind.NODE)] = True


def _cdu(act: Act) -> None:
    act.effects.cdu_silent[act.rows(Kind.RACK)] = True


def _all(act: Act) -> None:
    _node(act)
    _cdu(act)


def _partition(act: Act) -> None:
    act.effects.node_cut[act.rows(Kind.NODE)] = True
    act.effects.cdu_cut[act.rows(Kind.RACK)] = True


def _skew(act: Act) -> None:
    act.effects.node_skew_s[act.rows(Kind.NODE)] += act.amount


KINDS = (
    FaultKind(
        "silent-gpu", "silence", "nothing is read of a GPU any more, though it works",
        ("gpu",), _gpu, per_day=1.0,
    ),
    FaultKind(
        "silent-node", "silence", "a node sends nothing",
        ("node",), _node, reach=(Kind.NODE, Kind.GPU), per_day=3.6,
    ),
    FaultKind(
        "silent-cdu", "silence", "a CDU's controller sends nothing",
        ("cdu",), _cdu, reach=(Kind.CDU, Kind.RACK), per_day=0.4,
    ),
    FaultKind(
        "silent-rack", "silence", "a rack's nodes and CDU send nothing",
        ("rack",), _all, reach=ALL, per_day=0.3,
    ),
    FaultKind(
        "silent-hall", "silence", "the whole hall sends nothing",
        ("hall",), _all, reach=ALL, hold_s=60.0, per_day=0.01,
    ),
    FaultKind(
        "partition", "silence", "racks are cut off from the network, and send all when it is back",
        ("rack", "row"), _partition, reach=ALL, hold_s=60.0, per_day=0.2,
    ),
    FaultKind(
        "clock-skew", "time", "a node's clock goes wrong",
        ("node",), _skew, 0.5, 60.0, (Kind.NODE, Kind.GPU), per_day=0.5,
    ),
)  # fmt: skip
