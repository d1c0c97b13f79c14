"""Cold plates and what sits on them: a GPU whose heat finds its way out less well, or that makes more of it.

R of one GPU rises by 10 to 50 % over weeks, at any load; flow, coolant and peers stay. Amounts multiply the resistance
from die to plate, 0.020 of the whole 0.0355 K/W: at 700 W and 30 degC supply a factor of 3.3 reaches the limit.
"""

from coldplate.twin.faults.kind import Act, FaultKind
from coldplate.wire.metric import Kind

GPU = ("gpu",)


def _fouling(act: Act) -> None:
    """Channels that fill up conduct less and let less coolant through."""
    gpus = act.rows(Kind.GPU)
    act.effects.r_die_factor[gpus] *= 1.0 + act.amount
    act.effects.plate_k_factor[gpus] *= 1.0 + 2.0 * act.amount


def _paste(act: Act) -> None:
    act.effects.r_die_factor[act.rows(Kind.GPU)] *= 1.0 + act.amount


def _hbm(act: Act) -> None:
    act.effects.r_hbm_factor[act.rows(Kind.GPU)] *= 1.0 + act.amount


def _leakage(act: Act) -> None:
    act.effects.leakage_factor[act.rows(Kind.GPU)] *= 1.0 + act.amount


KINDS = (
    FaultKind(
        "cold-plate-fouling", "plate", "a cold plate's channels fill up: R rises, its flow falls",
        GPU, _fouling, 0.08, 2.0, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.2,
    ),
    FaultKind(
        "paste-pump-out", "plate", "thermal paste is pumped out: R rises, flow stays",
        GPU, _paste, 0.08, 3.0, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.5,
    ),
    FaultKind(
        "hbm-hot-spot", "plate", "memory loses contact with the plate: HBM runs hot",
        GPU, _hbm, 0.2, 6.0, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.2,
    ),
    FaultKind(
        "leakage-rise", "plate", "a GPU draws more without doing more",
        GPU, _leakage, 0.2, 5.0, ramp_s=300.0, recovery_s=30.0, hold_s=300.0, per_day=0.1,
    ),
)  # fmt: skip
