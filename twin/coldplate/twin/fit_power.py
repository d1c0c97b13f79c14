"""The twin's power against a recorded trace: what each load draws, learned from the first part of its phase.

A load is a power at full clock (the peak of its first moments), a power that the clock settles on, and the memory's
share. Below the power limit the clock holds it without regard to the mean (matrix products on zeros: 462, then 404 W);
at the limit the power cap does (950, 735, then 691 W). `GpuArray` makes the power of it, and its `MovingMean` NVML's.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects
from coldplate.twin.gpu import LEAK_C, LEAK_DOUBLES_K, LEAK_W, STEP_S, GpuArray
from coldplate.twin.power import FAST_RATIO, FULL_W
from coldplate.twin.trace import Load, Trace

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

CAPPED_RATIO = 0.93
"""A load that holds more of the limit than this is held by the power cap."""

ASLEEP_RATIO = 1.1
"""Below this multiple of idle power nothing holds the GPU awake."""

SETTLED_S, R_REST = 2.0, 0.0355
UNREGULATED = 1e3
LAGS_S = (0.0, 0.05, 0.1, 0.15, 0.2)
"""By how much the reading of the average may lag behind."""


@dataclass(frozen=True, slots=True)
class PowerFit:
    """What came of it.

    Parameters
    ----------
    mean_w
        Modelled average, one element a row of the trace.
    grid_s, power_w
        Times of the model's steps, and modelled instant power in them.
    stepping
        Rows in phases that step, and around such a load.
    parameters, swing, swing_error_ratio
        As in `FitResult`.
    """

    mean_w: F64
    grid_s: F64
    power_w: F64
    stepping: Bools
    parameters: dict[str, float]
    swing: dict[str, tuple[float, float]]
    swing_error_ratio: float | None


@dataclass(frozen=True, slots=True)
class _Process:
    """What a GPU draws around its loads: asleep, and awake some seconds before and after one."""

    idle_w: float
    awake_w: float
    wake_s: float
    linger_s: float


@dataclass(frozen=True, slots=True)
class _Level:
    """One load as the model sees it: power at full clock, where it settles, memory, and when it is busy."""

    load: Load
    peak_w: float
    level_w: float
    capped: bool
    mem_ratio: float
    pause_w: float = np.nan
    period_s: float = np.nan
    busy_s: float = np.nan
    start_s: float = np.nan

    def inside(self, t_s: F64) -> Bools:
        """Whether the load lasts at these times."""
        return (t_s >= self.load.start_s) & (t_s < self.load.end_s)

    def busy(self, t_s: F64) -> Bools:
        """Whether it computes at these times."""
        if not self.load.stepping:
            return self.inside(t_s)
        return self.inside(t_s) & ((t_s - self.start_s) % self.period_s < self.busy_s)


def fit_power(trace: Trace) -> PowerFit:
    """Learn the loads from the first parts, run them, and compare in the second parts."""
    process = _process(trace)
    levels = [_level(trace, load) for load in trace.loads]
    grid_s = np.arange(0.0, trace.t_s[-1] + STEP_S, STEP_S)
    power_w, mean_w = _run(trace, process, levels, grid_s)
    stepping = np.zeros(len(trace.t_s), np.bool_)
    for x in levels:
        if x.load.stepping:
            stepping |= trace.phase_of == x.load.phase
            stepping |= (trace.t_s > x.load.start_s) & (trace.t_s < x.load.end_s + 1.5)
    # The average of the first second remembers what was before the recording.
    steady = trace.first & ~stepping & (trace.t_s > 1.5)
    by_lag = [np.interp(trace.t_s - lag, grid_s, mean_w) for lag in LAGS_S]
    lag = int(np.argmin([np.mean((m - trace.mean_w)[steady] ** 2) for m in by_lag]))
    swing, worst = _swing(trace, levels, grid_s, power_w)
    parameters = asdict(process) | {"average_lag_s": LAGS_S[lag]}
    for number, x in enumerate(levels):
        name = f"load{number}_{trace.phases[x.load.phase].name}"
        parameters |= {f"{name}_w": x.level_w, f"{name}_peak_w": x.peak_w}
        parameters[f"{name}_mem_ratio"] = x.mem_ratio
        if x.load.stepping:
            parameters |= {f"{name}_period_s": x.period_s, f"{name}_busy_s": x.busy_s}
            parameters[f"{name}_pause_w"] = x.pause_w
    return PowerFit(by_lag[lag], grid_s, power_w, stepping, parameters, swing, worst)


def _at_40(trace: Trace, rows: Bools) -> float:
    """Median power of these rows, less what leakage adds at their temperature."""
    warm_k = float(np.median(trace.gpu_c[rows])) - LEAK_C
    leak_w = LEAK_W * float(np.exp2(warm_k / LEAK_DOUBLES_K) - 1.0)
    return float(np.median(trace.power_w[rows])) - leak_w


def _process(trace: Trace) -> _Process:
    asleep = trace.power_w < ASLEEP_RATIO * trace.idle_w
    idle_w = _at_40(trace, asleep & trace.first if (asleep & trace.first).any() else asleep)
    lingering = np.zeros_like(asleep)
    wakes, lingers = [0.0], [0.0]
    for load in trace.loads:
        since_s = trace.t_s - load.end_s
        lingering |= (since_s > 0.3) & (since_s < 1.0) & ~trace.busy & trace.first
        before_s = trace.t_s[asleep & (trace.t_s < load.start_s)]
        after_s = trace.t_s[asleep & (since_s > 0.0)]
        wakes += [load.start_s - before_s[-1]] if len(before_s) else []
        lingers += [after_s[0] - load.end_s] if len(after_s) else []
    if not lingering.any():
        # Where labels cut off what follows a load: the pauses of its steps, in which it is awake too.
        for load in trace.loads:
            lingering |= trace.inside(load) & ~trace.busy & trace.first
    awake_w = _at_40(trace, lingering) if lingering.any() else idle_w
    return _Process(idle_w, awake_w, float(np.median(wakes)), float(np.median(lingers)))


def _level(trace: Trace, load: Load) -> _Level:
    inside = trace.inside(load)
    learned = trace.first & inside
    if not (learned & trace.busy).any():
        # Labels so far off that no first part holds any of it: its own first half.
        learned = inside & (trace.t_s < 0.5 * (load.start_s + load.end_s))
    busy = learned & trace.busy
    settled = busy & (trace.t_s > load.start_s + SETTLED_S)
    settled = settled if settled.any() else busy
    peak_w = float(trace.power_w[busy].max())
    mem_ratio = float(np.median(trace.mem_ratio[settled]))
    if not load.stepping:
        level_w = float(np.mean(trace.mean_w[settled]))
        capped = level_w > CAPPED_RATIO * trace.limit_w
        return _Level(load, max(peak_w, level_w), level_w, capped, mem_ratio)
    level_w = float(np.median(trace.power_w[busy]))
    capped = level_w > CAPPED_RATIO * trace.limit_w
    runs = np.flatnonzero(load.starts_s <= max(trace.t_s[busy][-1], load.starts_s[1]))
    starts_s = load.starts_s[runs]
    number = np.rint((starts_s - starts_s[0]) / np.median(np.diff(starts_s)))
    period_s, start_s = np.polyfit(number, starts_s, 1)
    # The last run may not have ended before the cut.
    busy_s = float(np.mean(load.busy_s[runs[:-1]]))
    return _Level(
        load, peak_w, level_w, capped, mem_ratio, _at_40(trace, learned & ~trace.busy),
        float(period_s), busy_s, float(start_s),
    )  # fmt: skip


def _run(
    trace: Trace, process: _Process, levels: list[_Level], grid_s: F64
) -> tuple[F64, F64]:  # fmt: skip
    """Instant power and its 1 s mean at the times of the grid."""
    steps = len(grid_s)
    wanted_w, limit_w = np.full(steps, process.idle_w), np.full(steps, trace.limit_w)
    mem_ratio, peak_ratio, regulated = np.zeros(steps), np.ones(steps), np.ones(steps)
    for x in levels:
        begin_s, end_s = x.load.start_s - process.wake_s, x.load.end_s + process.linger_s
        wanted_w[(grid_s >= begin_s) & (grid_s < end_s)] = process.awake_w
    settled = [x.level_w / trace.limit_w for x in levels if x.capped and not x.load.stepping]
    for x in levels:
        inside, busy = x.inside(grid_s), x.busy(grid_s)
        wanted_w[inside], mem_ratio[inside] = x.pause_w, x.mem_ratio * busy[inside]
        wanted_w[busy] = x.peak_w
        # Below the limit the clock alone holds a load, whatever its mean.
        limit = trace.limit_w if x.capped else x.level_w / FAST_RATIO
        limit_w[inside], peak_ratio[inside] = limit, max(x.peak_w / limit, FAST_RATIO)
        regulated[inside] = float(np.median(settled or [1.0])) if x.capped else UNREGULATED
    gpu = GpuArray(1, np.random.default_rng(0), float(trace.gpu_c[0]), 1.0, 0.0)
    gpu.idle_w[:], gpu.full_w[:] = process.idle_w, FULL_W
    load_ratio = ((wanted_w - process.idle_w) / (FULL_W - process.idle_w)).astype(np.float32)
    effects = Effects(1, 1, 1)
    flow_lpm = np.ones(1, np.float32)
    supply_c = np.float32(trace.gpu_c[0] - R_REST * process.idle_w) * flow_lpm
    power_w, mean_w = np.empty((2, steps))
    for k in range(steps):
        effects.limit_w[:] = limit_w[k]
        gpu.cap.peak_ratio, gpu.cap.regulated_ratio = float(peak_ratio[k]), float(regulated[k])
        mem = mem_ratio[k : k + 1].astype(np.float32)
        gpu.step(STEP_S, load_ratio[k : k + 1], mem, supply_c, flow_lpm, effects)
        power_w[k], mean_w[k] = gpu.power_w[0], gpu.mean_w[0]
    return power_w, mean_w


def _swing(
    trace: Trace, levels: list[_Level], grid_s: F64, power_w: F64
) -> tuple[dict[str, tuple[float, float]], float | None]:  # fmt: skip
    """Recorded and modelled figures of the second part of the steps, and the worst relative error."""
    worst: float | None = None
    out: dict[str, tuple[float, float]] = {}
    for x in levels:
        phase = trace.phases[x.load.phase]
        # Of the steps themselves: one row of sleep after them would be the minimum.
        end_s = min(phase.end_s, x.load.end_s)
        rows = (trace.t_s >= phase.cut_s) & (trace.t_s < end_s)
        if not x.load.stepping or not rows.any():
            continue
        span = (grid_s >= phase.cut_s) & (grid_s < end_s)
        recorded, modelled = trace.power_w[rows], power_w[span]
        even_w = np.interp(grid_s[span], trace.t_s, trace.power_w)
        found = {
            f"{name}_w": (float(of(recorded)), float(of(modelled)))
            for name, of in (("mean", np.mean), ("min", np.min), ("max", np.max), ("std", np.std))
        } | {"swing_hz": (_swing_hz(even_w), _swing_hz(modelled))}
        error = max(abs(m - r) / r for r, m in found.values())
        if worst is None or error > worst:
            worst, out = error, found
    return out, worst


def _swing_hz(power_w: F64) -> float:
    """Frequency of the strongest swing, from a spectrum of a sixteenth of the window's own resolution."""
    size = 16 * len(power_w)
    windowed = (power_w - power_w.mean()) * np.hanning(len(power_w))
    return float(np.argmax(np.abs(np.fft.rfft(windowed, size))) / (size * STEP_S))
