"""Pictures of a run: temperatures, flow and power of one subject and its rack's water, with the marks of its faults."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario, ScenarioError
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind, metric

F64 = NDArray[np.float64]
THERMAL_REASONS = 0x20 | 0x40
_CDU = ("supply_c", "return_c", "flow_lpm", "pump1_rpm", "pump2_rpm")
_GPU = ("gpu_c", "hbm_c", "margin_c", "power_w", "clock_event_reasons")
_INK, _HOT, _COLD, _GREY = "#1f4e79", "#c0392b", "#2e86c1", "#7f8c8d"


@dataclass(frozen=True, slots=True)
class Trace:
    """What was read of a subject, once a second.

    Parameters
    ----------
    subject, rack
        Ids; the rack's CDU is shown too.
    t_s
        Seconds from the start.
    gpu
        By metric: shape (times, GPUs of the subject).
    cdu
        By metric: shape (times,).
    faults
        Those that concern the rack.
    """

    subject: str
    rack: str
    t_s: F64
    gpu: dict[str, F64]
    cdu: dict[str, F64]
    faults: tuple[Fault, ...]


def trace(
    scenario: Scenario, subject: str, seconds: float, tell: Callable[[float], None] = lambda _: None
) -> Trace:
    """Run a scenario and keep what concerns a rack, a node, a GPU or a CDU.

    Raises
    ------
    ScenarioError
        When the hall has no such subject.
    """
    hall = Hall(scenario)
    device = hall.inventory.devices.get(subject)
    if device is None or device.kind in ("hall", "row"):
        raise ScenarioError(
            f"{subject!r} is no rack, node, GPU or CDU of this hall, as rack-0003 is"
        )
    rack = hall.inventory.rack_of(subject)
    # A CDU stands for the whole rack that it cools.
    gpus = hall.places(Kind.GPU, subject)
    cdu = hall.places(Kind.CDU, rack)[0]
    seen_gpu: list[F64] = []
    seen_cdu: list[F64] = []
    of_gpu, of_cdu = (
        [metric(k, n).number for n in names] for k, names in ((Kind.GPU, _GPU), (Kind.CDU, _CDU))
    )
    ticks = max(2, round(seconds))
    for tick in range(ticks):
        seen_gpu.append(hall.sample(Kind.GPU)[of_gpu][:, gpus])
        seen_cdu.append(hall.sample(Kind.CDU)[of_cdu, cdu])
        hall.step(1.0)
        tell((tick + 1) / ticks)
    return Trace(
        subject, rack, np.arange(ticks, dtype=np.float64),
        dict(zip(_GPU, np.stack(seen_gpu, axis=1), strict=True)),
        dict(zip(_CDU, np.stack(seen_cdu, axis=1), strict=True)),
        tuple(f for f in scenario.all_faults() if _concerns(f, rack, hall.inventory)),
    )  # fmt: skip


def draw(seen: Trace, path: Path, title: str = "") -> None:
    """Three panels above each other, as PNG or whatever the file's name ends in."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  heavy
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9.0, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    per, unit = _scale(seen.t_s[-1])
    t = seen.t_s / per
    _temperatures(axes[0], t, seen)
    _water(axes[1], t, seen)
    _power(axes[2], t, seen)
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    _marks(axes, seen, per)
    axes[-1].set_xlabel(unit)
    axes[-1].set_xlim(0, t[-1])
    figure.suptitle(title or seen.subject, x=0.01, ha="left", fontsize=12, fontweight="bold")
    figure.savefig(path, dpi=110)


def _temperatures(axis: Any, t: F64, seen: Trace) -> None:
    gpu = seen.gpu["gpu_c"]
    # fmin and fmax pass over what is absent, and are silent where nothing is there.
    hottest, hbm = (np.fmax.reduce(c, axis=1) for c in (gpu, seen.gpu["hbm_c"]))
    axis.fill_between(t, np.fmin.reduce(gpu, axis=1), hottest, color=_HOT, alpha=0.18, lw=0)
    axis.plot(t, hottest, color=_HOT, lw=1.4, label="hottest GPU")
    axis.plot(t, hbm, color="#d68910", lw=1, label="hottest HBM")
    axis.plot(t, seen.cdu["return_c"], color=_INK, lw=1.2, label="return")
    axis.plot(t, seen.cdu["supply_c"], color=_COLD, lw=1.2, label="supply")
    limit = float(np.nanmedian(gpu + seen.gpu["margin_c"]))
    axis.axhline(limit, color=_GREY, lw=0.8, ls="--")
    axis.annotate(
        "limit", (0, limit), xytext=(3, 1), textcoords="offset points", fontsize=8, color=_GREY
    )
    reasons = np.nan_to_num(seen.gpu["clock_event_reasons"]).astype(np.int64)
    held = ((reasons & THERMAL_REASONS) != 0).any(axis=1)
    axis.fill_between(
        t, 0, 0.03, where=held, transform=axis.get_xaxis_transform(), color=_HOT, lw=0,
        label="throttled" if held.any() else None,
    )  # fmt: skip
    axis.set_ylabel("degC")
    axis.legend(loc="upper right", fontsize=8, ncols=5, frameon=False, bbox_to_anchor=(1.0, 1.13))


def _water(axis: Any, t: F64, seen: Trace) -> None:
    axis.plot(t, seen.cdu["flow_lpm"], color=_INK, lw=1.4)
    axis.set_ylabel("flow of the rack, l/min", color=_INK)
    axis.set_ylim(bottom=0)
    other = axis.twinx()
    other.plot(t, seen.cdu["pump1_rpm"], color=_COLD, lw=1, label="pump 1")
    other.plot(t, seen.cdu["pump2_rpm"], color=_COLD, lw=1, ls=":", label="pump 2")
    other.set_ylabel("1/min", color=_COLD)
    other.set_ylim(bottom=0)
    other.spines[["top"]].set_visible(False)
    other.legend(loc="lower right", fontsize=8, frameon=False)


def _power(axis: Any, t: F64, seen: Trace) -> None:
    power = seen.gpu["power_w"]
    least, most = np.fmin.reduce(power, axis=1), np.fmax.reduce(power, axis=1)
    there = np.count_nonzero(~np.isnan(power), axis=1)
    mean = np.where(there, np.nansum(power, axis=1) / np.maximum(there, 1), np.nan)
    axis.fill_between(t, least, most, color=_INK, alpha=0.2, lw=0)
    axis.plot(t, mean, color=_INK, lw=1.2)
    axis.set_ylabel("power of a GPU, W\n(mean; least to most)")
    axis.set_ylim(bottom=0)


def _marks(axes: Any, seen: Trace, per: float) -> None:
    """A line and a name where a fault comes, a shade while it lasts."""
    last = seen.t_s[-1] / per
    shown = sorted((f for f in seen.faults if f.at_s / per < last), key=lambda f: f.at_s)
    for number, fault in enumerate(shown):
        begin = fault.at_s / per
        end = last if fault.end_s is None else min(fault.end_s / per, last)
        for axis in axes:
            axis.axvspan(begin, end, color=_GREY, alpha=0.08, lw=0)
            axis.axvline(begin, color=_GREY, lw=0.8)
        where = (
            "" if fault.subject == seen.rack else f" {fault.subject.removeprefix(seen.rack + '/')}"
        )
        # Low in the panel of power is where curves seldom are.
        axes[-1].annotate(
            f"{fault.kind}{where}", (begin, 0.06 + 0.13 * (number % 5)), xytext=(4, 0),
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=8,
        )  # fmt: skip


def _concerns(fault: Fault, rack: str, inventory: Inventory) -> bool:
    """Whether a fault is of the rack, of something in it, or of its row or hall."""
    at = inventory.devices[rack]
    return fault.subject in (rack, at.row, at.hall) or fault.subject.startswith(f"{rack}/")


def _scale(seconds: float) -> tuple[float, str]:
    if seconds <= 600:
        return 1.0, "seconds"
    return (60.0, "minutes") if seconds <= 4 * 3600 else (3600.0, "hours")
