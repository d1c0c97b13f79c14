"""How far the twin's GPU follows a recorded one: fitted on the first part of each phase, scored on the second.

Temperature is driven by the recorded power. Power is driven by nothing but when each load ran (trace.py): each load
is a power at full clock, a power that its clock settles on, and the memory's share; pauses and the seconds before and
after a load are those of a process that holds the GPU awake. Both run through the twin's own `GpuArray` and `Thermal`, in
its own steps of 50 ms.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fit_heat import fit_heat
from coldplate.twin.fit_power import PowerFit, fit_power
from coldplate.twin.trace import Trace, read

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FitResult:
    """What came of it.

    Parameters
    ----------
    rms_temp_c, rms_hbm_c
        Model less recording on the second parts.
    rms_power_w
        The same of the 1 s average, outside stepping phases.
    swing_error_ratio
        The worst relative error of mean, minimum, maximum, standard deviation of the instant power and swing
        frequency in the second part of stepping phases; None without one.
    parameters
        Fitted, by name.
    phases
        Each phase's name, times and errors.
    swing
        Recorded and modelled figures of the steps.
    trace, die_c, hbm_c, power
        What was recorded and how the model ran, for a picture.
    """

    rms_temp_c: float
    rms_hbm_c: float
    rms_power_w: float
    swing_error_ratio: float | None
    parameters: dict[str, float]
    phases: tuple[dict[str, str | float | None], ...]
    swing: dict[str, tuple[float, float]]
    trace: Trace = field(repr=False)
    die_c: F64 = field(repr=False)
    hbm_c: F64 = field(repr=False)
    power: PowerFit = field(repr=False)

    def figures(self) -> dict[str, object]:
        """All but the traces, for JSON."""
        return {
            "rms_temp_c": self.rms_temp_c,
            "rms_hbm_c": self.rms_hbm_c,
            "rms_power_w": self.rms_power_w,
            "swing_error_ratio": self.swing_error_ratio,
            "parameters": self.parameters,
            "phases": list(self.phases),
            "swing": {k: {"recorded": r, "model": m} for k, (r, m) in self.swing.items()},
        }


def fit(recording: Path) -> FitResult:
    """Fit the twin's GPU to the trace in a folder, and score it.

    Raises
    ------
    ValueError
        When the folder holds no trace that can be fitted.
    """
    trace = read(recording)
    thermal_parameters, die_c, hbm_c = fit_heat(trace)
    power = fit_power(trace)
    second = ~trace.first
    steady = second & ~power.stepping
    return FitResult(
        rms_temp_c=_rms(die_c - trace.gpu_c, second),
        rms_hbm_c=_rms(hbm_c - trace.hbm_c, second),
        rms_power_w=_rms(power.mean_w - trace.mean_w, steady),
        swing_error_ratio=power.swing_error_ratio,
        parameters=thermal_parameters | power.parameters,
        phases=tuple(_phases(trace, die_c, power)),
        swing=power.swing,
        trace=trace, die_c=die_c, hbm_c=hbm_c, power=power,
    )  # fmt: skip


def _rms(error: F64, rows: Bools) -> float:
    return float(np.sqrt(np.mean(error[rows] ** 2)))


def _phases(trace: Trace, die_c: F64, power: PowerFit) -> list[dict[str, str | float | None]]:
    out: list[dict[str, str | float | None]] = []
    for number, phase in enumerate(trace.phases):
        rows = ~trace.first & (trace.phase_of == number)
        steady = rows & ~power.stepping
        load = next((x for x in trace.loads if x.phase == number), None)
        out.append({
            "name": phase.name, "start_s": phase.start_s, "end_s": phase.end_s,
            "cut_s": phase.cut_s,
            "load_start_s": load.start_s if load else None,
            "load_end_s": load.end_s if load else None,
            "rms_temp_c": _rms(die_c - trace.gpu_c, rows) if rows.any() else None,
            "rms_power_w": _rms(power.mean_w - trace.mean_w, steady) if steady.any() else None,
        })  # fmt: skip
    return out


def draw(result: FitResult, path: Path) -> None:
    """A picture: recorded and modelled temperature and power over time, and the steps enlarged."""
    import matplotlib as mpl  # noqa: PLC0415  only who draws needs it

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    trace, power = result.trace, result.power
    figure, (heat, mean, instant) = plt.subplots(3, 1, figsize=(12, 10), layout="constrained")
    heat.plot(trace.t_s, trace.gpu_c, color="0.6", lw=2.5, label="GPU, recorded")
    heat.plot(trace.t_s, result.die_c, color="tab:red", lw=0.8, label="GPU, model")
    heat.plot(trace.t_s, trace.hbm_c, color="0.8", lw=2.5, label="memory, recorded")
    heat.plot(trace.t_s, result.hbm_c, color="tab:orange", lw=0.8, label="memory, model")
    heat.set_ylabel("degC")
    heat.set_title(
        f"Driven by the recorded power: {result.rms_temp_c:.2f} K rms on the second parts (shaded)"
    )
    mean.plot(trace.t_s, trace.mean_w, color="0.6", lw=2.5, label="1 s average, recorded")
    mean.plot(trace.t_s, power.mean_w, color="tab:blue", lw=0.8, label="1 s average, model")
    mean.set_title(f"Driven by the loads' times: {result.rms_power_w:.1f} W rms outside steps")
    instant.plot(trace.t_s, trace.power_w, color="0.6", lw=2.5, label="instant, recorded")
    instant.plot(power.grid_s, power.power_w, color="tab:blue", lw=0.8, label="instant, model")
    if result.swing_error_ratio is not None:
        steps = trace.t_s[power.stepping]
        middle_s = 0.5 * (steps[0] + steps[-1])
        instant.set_xlim(middle_s - 8.0, middle_s + 12.0)
        instant.set_title(f"Steps: worst figure off by {100 * result.swing_error_ratio:.1f} %")
    for axes in (mean, instant):
        axes.set_ylabel("W")
    instant.set_xlabel("s")
    for axes in (heat, mean, instant):
        for phase in trace.phases:
            axes.axvspan(phase.cut_s, phase.end_s, color="tab:green", alpha=0.07, lw=0)
        axes.legend(loc="upper right", fontsize=8)
    for phase in trace.phases:
        heat.annotate(
            phase.name,
            (phase.start_s, 0.98),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=8,
        )
    figure.savefig(path, dpi=80)
    plt.close(figure)
