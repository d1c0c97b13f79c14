"""The twin in place of a hall that is brought up: the same procedure, all racks at once, in minutes of its time.

Waiting is shortened and physics is not: each phase lasts `short_s` of phases.py, long enough for what it looks at to come
to rest (an hour of pressure hold becomes a minute in which a leak runs sixty times faster; errors have the rates of the
fault library). Readings come every second from the twin's own instruments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from coldplate.console.commission.evidence import Evidence, Fleet, Happened, Rack, Span
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.phases import PHASES, Phase
from coldplate.twin.effects import Effects
from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.pumps import Pumps
from coldplate.twin.scenario import Scenario
from coldplate.twin.work import Job
from coldplate.wire.metric import Kind, metric

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]

GAP_S, BEGIN_MS = 3.0, 1_800_000_000_000
KINDS = (Kind.GPU, Kind.NODE, Kind.CDU)
EXTRA = {
    Kind.GPU: ("remap_failed", "thermal_violation_s_total", "nvlink_active_links", "mem_util_ratio", "margin_c"),
    Kind.NODE: (),
    Kind.CDU: ("makeup_l_total", "facility_flow_lpm"),
}  # fmt: skip
"""Read by steps, and for the baseline, where they are there, beside what steps need."""

GAIN, BIAS = 0, 1
CALIBRATION = {
    (Kind.NODE, "node_flow_lpm"): (GAIN, 0.01), (Kind.CDU, "flow_lpm"): (GAIN, 0.005),
    (Kind.NODE, "node_power_w"): (GAIN, 0.01), (Kind.GPU, "power_w"): (GAIN, 0.01),
    **{(Kind.CDU, m): (BIAS, 0.05) for m in ("supply_c", "return_c", "facility_supply_c", "facility_return_c")},
    **{(Kind.CDU, m): (BIAS, 0.5) for m in ("supply_kpa", "return_kpa", "filter_kpa_delta", "dew_point_c")},
    **{(Kind.GPU, m): (BIAS, 0.5) for m in ("gpu_c", "hbm_c")},
}  # fmt: skip
"""How far instruments of one kind are from each other for good, standard deviation as a share or in the metric's unit:
the twin's own have noise alone. Estimates: magnetic meters at the unit, simpler ones at nodes, paired thermometers."""

PATTERNS = {"half": "memory", "full": "steady", "steps": "steps"}


def wanted(kind: Kind) -> list[str]:
    """Metrics of a kind that steps read."""
    needed = {n.metric for step in STEPS for n in step.needs if n.kind is kind}
    return sorted(needed | set(EXTRA[kind]))


@dataclass(frozen=True, slots=True)
class Times:
    """When each phase begins and ends in the twin, seconds."""

    begin_s: Mapping[str, float]
    end_s: Mapping[str, float]

    @classmethod
    def of(cls, phases: Sequence[Phase] = PHASES) -> "Times":
        """One after the other, with a gap for the load to change; full load goes on into the failover."""
        begin, end, now, load = {}, {}, 1.0, ""
        for phase in phases:
            now += 0.0 if phase.load == load == "full" else GAP_S
            begin[phase.name], end[phase.name] = now, now + phase.short_s
            now, load = now + phase.short_s, phase.load
        return cls(begin, end)

    def scale(self, phase: str) -> float:
        """How many times longer a phase lasts in an acceptance."""
        by_name = {p.name: p for p in PHASES}
        return by_name[phase].seconds / (self.end_s[phase] - self.begin_s[phase])

    def at(self, phase: Phase, mark: str) -> float:
        """When something is done, on a whole second."""
        deed = next(d for d in phase.deeds if d.mark == mark)
        return self.begin_s[phase.name] + round(deed.at_share * phase.short_s)


class OffPumps(Pumps):
    """Pumps that are told another pressure difference than the design's.

    Parameters
    ----------
    racks, rated_lpm
        As of pumps.
    set_ratio
        Their set point as a share of the design's, one a rack.
    """

    def __init__(self, racks: int, rated_lpm: float, set_ratio: F64) -> None:
        super().__init__(racks, rated_lpm)
        self._set_ratio = set_ratio

    def step(
        self, dt_s: float, effects: Effects, missing_ratio: F64, off: NDArray[np.bool_]
    ) -> None:
        """As of pumps, for what is missing to their own set point."""
        super().step(dt_s, effects, 1.0 - (1.0 - missing_ratio) / self._set_ratio, off)


class Rehearsal:
    """A hall of the twin, run through all phases; then the evidence of each rack.

    Parameters
    ----------
    racks, seed
        Of the hall.
    faults
        Of it, beside what the procedure itself does.
    dry
        Units whose rope tells nothing.
    set_ratio
        By unit: its set point as a share of the design's.
    phases
        Which, and how long.
    of
        Size, water and season of the hall, instead of the usual one's; its own faults and jobs are left out.
    noise_seed
        Of the instruments' noise, where it is to be another than follows from `seed`, which then makes the same devices.
    off_ratio
        How far instruments are off for good, as a share of `CALIBRATION`.
    """

    def __init__(
        self, racks: int, seed: int, *, faults: Sequence[Fault] = (), dry: frozenset[str] = frozenset(),
        set_ratio: Mapping[str, float] | None = None, phases: Sequence[Phase] = PHASES,
        of: Scenario | None = None, noise_seed: Sequence[int] = (), off_ratio: float = 1.0,
    ) -> None:  # fmt: skip
        self.times, self._phases = Times.of(phases), tuple(phases)
        base = of or Scenario(racks=racks)
        inventory = base.inventory()
        self.racks = [Rack.of(inventory, d.id) for d in inventory.of_kind("rack")]
        own = [f for r in self.racks for f in self._done(r.cdu, wet=r.cdu not in dry)]
        self._hall = Hall(
            replace(
                base, seed=seed, load="idle", jobs=self._jobs(), faults=(*faults, *own), scatter=0
            )
        )
        if noise_seed:
            # The twin draws devices and noise from one stream: what is drawn from here on is noise alone.
            self._hall._sensors._random = np.random.default_rng(noise_seed)  # noqa: SLF001
        if set_ratio:
            ratios = np.array([set_ratio.get(r.cdu, 1.0) for r in self.racks])
            cdus = self._hall.cdus
            # The twin's set point is one constant of its design; a wrong one is a defect of bring-up alone.
            cdus._pumps = OffPumps(racks, cdus.rated_lpm, ratios)  # noqa: SLF001
        self._spans: dict[str, dict[Kind, dict[str, F32]]] = {}
        random = np.random.default_rng([seed, racks, 2])
        self._off = {
            (kind, m): off_ratio * sigma * random.standard_normal(len(self._hall.devices[kind]))
            for (kind, m), (_, sigma) in CALIBRATION.items()
        }
        self._events: dict[str, list[Happened]] = {}

    def run(self) -> None:
        """Go through all phases; what was recorded stays."""
        for phase in self._phases:
            begin, ticks = self.times.begin_s[phase.name], round(phase.short_s)
            self._hall.step(begin - self._hall.now_s - 1.0)
            # What was due before belongs to no phase.
            self._hall.due_events()
            kept = {
                k: np.empty((len(wanted(k)), ticks, len(self._hall.devices[k])), np.float32)
                for k in KINDS
            }
            rows = {k: [metric(k, m).number for m in wanted(k)] for k in KINDS}
            for tick in range(ticks):
                self._hall.step(1.0)
                for kind in KINDS:
                    kept[kind][:, tick] = self._hall.sample(kind)[rows[kind]]
            self._miscalibrate(kept)
            self._spans[phase.name] = {k: dict(zip(wanted(k), kept[k], strict=True)) for k in KINDS}
            self._events[phase.name] = [
                Happened(e.kind, e.subject, e.code, e.text) for e in self._hall.due_events()
            ]

    def _miscalibrate(self, kept: Mapping[Kind, F32]) -> None:
        """Every instrument reads a little off, always in the same way; GPUs in whole degrees all the same."""
        for (kind, name), off in self._off.items():
            samples = kept[kind][wanted(kind).index(name)]
            if CALIBRATION[kind, name][0] == GAIN:
                samples *= (1.0 + off).astype(np.float32)
            else:
                samples += off.astype(np.float32)
            if kind is Kind.GPU and name.endswith("_c"):
                np.rint(samples, out=samples)

    def evidence(
        self, rack: Rack, planned: Mapping[str, str] | None = None,
        found: Mapping[str, str] | None = None, fleet: Fleet | None = None,
    ) -> Evidence:  # fmt: skip
        """Of one rack, after the run."""
        spans = {p.name: self._span(rack, p) for p in self._phases}
        return Evidence(rack, spans, planned or {}, found, fleet or Fleet())

    def _span(self, rack: Rack, phase: Phase) -> Span:
        values = {}
        for kind in KINDS:
            devices, ids = self._hall.devices[kind], rack.ids(kind)
            # Devices of a rack lie side by side.
            first = devices.index(ids[0])
            values[kind] = {
                m: a[:, first : first + len(ids)].astype(np.float64)
                for m, a in self._spans[phase.name][kind].items()
            }
        begin = self.times.begin_s[phase.name]
        marks = {d.mark: self.times.at(phase, d.mark) - begin for d in phase.deeds}
        events = [e for e in self._events[phase.name] if e.subject.startswith(f"{rack.id}/")]
        return Span(phase.name, BEGIN_MS + round(begin * 1000), 1.0, values, events, marks)

    def _jobs(self) -> tuple[Job, ...]:
        """A job a stretch of load."""
        out: list[Job] = []
        for n, phase in enumerate(self._phases):
            begin, end = self.times.begin_s[phase.name], self.times.end_s[phase.name]
            if phase.load == "idle":
                continue
            pattern = PATTERNS[phase.load]
            if out and out[-1].end_s == begin:
                out[-1] = Job(out[-1].number, start_s=out[-1].start_s, end_s=end, pattern=pattern)  # type: ignore[arg-type]  # a word of the table
            else:
                out.append(Job(n + 1, start_s=begin, end_s=end, pattern=pattern))  # type: ignore[arg-type]  # a word of the table
        return tuple(out)

    def _done(self, cdu: str, *, wet: bool) -> list[Fault]:
        """What hands do to a rack: a pump stopped, a rope wetted."""
        by_name = {p.name: p for p in self._phases}
        out = []
        if wet and (rope := by_name.get("rope")):
            at_s = self.times.at(rope, "wet") + 2.0
            out.append(Fault("leak-sensor-false", cdu, at_s, self.times.end_s["rope"]))
        if failover := by_name.get("failover"):
            stopped, restored = (self.times.at(failover, m) for m in ("stopped", "restored"))
            out.append(Fault("pump-stop", cdu, stopped, restored, severity=0.5))
        return out
