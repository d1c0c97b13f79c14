"""A node's branch of the manifold: hose and couplings, and air that is caught in it.

One node's flow falls, all its R and its own warming rise; the rack's flow falls by less than an eighth. Flow goes as
one over the square root of the resistance where the plates' own part is small.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

NODE = ("node",)
BRANCH = (Kind.NODE, Kind.GPU)


def _narrow(act: Act) -> None:
    act.effects.node_k_factor[act.rows(Kind.NODE)] *= 1.0 + act.amount


def _air(act: Act) -> None:
    """Air takes cross-section, and makes the flow tremble as it moves."""
    nodes = act.rows(Kind.NODE)
    act.effects.node_k_factor[nodes] *= 1.0 + 30.0 * act.amount
    act.effects.node_air_ratio[nodes] = act.amount


KINDS = (
    FaultKind(
        "kinked-hose", "branch", "a node's hose is kinked",
        NODE, _narrow, 0.3, 60.0, BRANCH, ramp_s=1.0, recovery_s=1.0, per_day=0.1,
    ),
    FaultKind(
        "coupling-half-closed", "branch", "a quick-disconnect did not open all the way",
        NODE, _narrow, 0.2, 30.0, BRANCH, per_day=0.2,
    ),
    FaultKind(
        "air-lock", "branch", "air is caught in a node's loop after service: little flow, and noisy",
        NODE, _air, 0.01, 1.0, BRANCH, ramp_s=10.0, recovery_s=10.0, per_day=0.1,
    ),
)  # fmt: skip
