"""Errors that counters show: memory, links, and a GPU that is gone."""

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Act, FaultKind, Told
from coldplate.wire.metric import Kind

GPU = ("gpu",)


def _lost(act: Act) -> None:
    act.effects.gpu_lost[act.rows(Kind.GPU)] = True
    act.effects.recovery_action[act.rows(Kind.GPU)] = 2.0


def _tell_lost(fault: Fault) -> tuple[Told, ...]:
    """XID 79 comes first, then the driver's calls fail."""
    text = fault.text or "NVRM: Xid (PCI:0000:c1:00): 79, GPU has fallen off the bus."
    return (Told(0.0, "xid", 79, text), Told(1.0, "gpu_lost", text="GPU is lost"))


def _ecc_storm(act: Act) -> None:
    act.effects.ecc_corrected_per_s[act.rows(Kind.GPU)] += act.amount


def _ecc_uncorrectable(act: Act) -> None:
    act.effects.ecc_uncorrected_per_s[act.rows(Kind.GPU)] += act.amount


def _tell_ecc(fault: Fault) -> tuple[Told, ...]:
    return (Told(0.0, "xid", 94, fault.text or "NVRM: Xid (PCI:0000:c1:00): 94, Contained error"),)


def _remap(act: Act) -> None:
    """Above severity 0.7 no spare row is left."""
    e, gpus = act.effects, act.rows(Kind.GPU)
    e.rows_remapped[gpus] += round(act.amount)
    e.remap_pending[gpus] = True
    e.remap_failed[gpus] |= act.fault.severity > 0.7


def _tell_remap(fault: Fault) -> tuple[Told, ...]:
    code = 64 if fault.severity > 0.7 else 63
    return (
        Told(0.0, "xid", code, fault.text or f"NVRM: Xid (PCI:0000:c1:00): {code}, Row Remapper"),
    )


def _nvlink(act: Act) -> None:
    act.effects.nvlink_errors_per_s[act.rows(Kind.GPU)] += act.amount


def _pcie(act: Act) -> None:
    """The link trains down, to half its width at each third of severity, and repeats what it loses."""
    e, gpus = act.effects, act.rows(Kind.GPU)
    e.pcie_width[gpus] = 16.0 / 2.0 ** (1 + min(int(3.0 * act.fault.severity), 2))
    e.pcie_gen[gpus] = 5.0 if act.fault.severity < 0.5 else 1.0
    e.pcie_replay_per_s[gpus] += act.amount


KINDS = (
    FaultKind(
        "gpu-lost", "errors", "a GPU falls off the bus and says nothing any more",
        GPU, _lost, per_day=4.0, tells=_tell_lost,
    ),
    FaultKind(
        "ecc-storm", "errors", "corrected memory errors at a high rate",
        GPU, _ecc_storm, 1.0, 1000.0, per_day=1.0,
    ),
    FaultKind(
        "ecc-uncorrectable", "errors", "memory errors that cannot be corrected",
        GPU, _ecc_uncorrectable, 0.02, 1.0, hold_s=60.0, per_day=27.0, tells=_tell_ecc,
    ),
    FaultKind(
        "row-remap", "errors", "rows of memory are remapped, or can no more be",
        GPU, _remap, 1.0, 16.0, per_day=16.0, tells=_tell_remap,
    ),
    FaultKind(
        "nvlink-errors", "errors", "an NVLink repeats what it loses",
        GPU, _nvlink, 0.5, 500.0, per_day=5.0,
    ),
    FaultKind(
        "pcie-degraded", "errors", "a PCIe link with fewer lanes, or slower",
        GPU, _pcie, 0.1, 50.0, per_day=0.5,
    ),
)  # fmt: skip
