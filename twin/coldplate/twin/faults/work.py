"""Work that stands still or lags: full utilisation and little power, or a whole job that waits for one.

A synchronous job goes at the pace of its slowest GPU, so that one which is late is busy while its peers wait.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

SPIN_RATIO = 0.12
"""Load of a kernel that only waits (estimate: 150 W)."""


def _hung(act: Act) -> None:
    gpus = act.rows(Kind.GPU)
    act.effects.hung[gpus] = True
    act.effects.load_factor[gpus] = SPIN_RATIO


def _straggler(act: Act) -> None:
    """What it does in a step takes longer, at less power; by its job, its peers wait."""
    gpus = act.rows(Kind.GPU)
    act.effects.slow_ratio[gpus] = act.amount
    act.effects.load_factor[gpus] /= 1.0 + act.amount


KINDS = (
    FaultKind(
        "hung-gpu", "work", "a GPU waits for ever in a kernel; its utilisation says 100 %",
        ("gpu",), _hung, per_day=1.0,
    ),
    FaultKind(
        "hung-job", "work", "all GPUs of a job wait for ever in a collective call",
        ("node", "rack", "row", "hall"), _hung, per_day=2.0,
    ),
    FaultKind(
        "straggler", "work", "a GPU is slower than its peers, which wait for it",
        ("gpu",), _straggler, 0.05, 2.0, per_day=2.0,
    ),
)  # fmt: skip
