"""Racks that something happens to: a small hall of the twin, played from the first tick to the last, and who in the real hall sends it.

Frames are what the agent's framer makes of the twin's samples, short ones when a source sees harm; events are the twin's.
In a run with faults each rack that has one is played by a rack of its own. In a storm a few racks are played, and every
rack of the hall sends what one of them does, under its own names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from coldplate.agents.collector import Happening
from coldplate.agents.framer import URGENT_TICKS, Framer
from coldplate.console.benching.injecting import draw, racks_of
from coldplate.console.benching.load import GPUS, Load
from coldplate.console.benching.template import Template
from coldplate.streams.evaluate.label import Label
from coldplate.twin import recording
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.labels import Labeller
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.twin.work import Job

STORM_RACKS = 16
"""Played in a storm; each stands for many."""

SPREAD_S = 0.9
"""In a storm the racks of a hall send within so long after their tick."""

FIRST_JOB = 2
"""Every played rack has a job of its own: what befalls one must not hold up the others. Job 1 is the hall's."""


@dataclass(frozen=True, slots=True)
class Role:
    """A rack of the real hall.

    Parameters
    ----------
    rack
        Its id.
    played
        Which of the played racks it shows.
    after_s
        So long after their ticks it sends.
    """

    rack: str
    played: int
    after_s: float = 0.0


@dataclass(slots=True)
class Stage:
    """What is played.

    Parameters
    ----------
    roles
        Who sends it, by `after_s`.
    frames
        By tick and played rack: what is due then.
    events
        Of the real hall, in order of time; times in milliseconds from the first tick.
    faults
        Those injected, with the real hall's ids.
    labels
        What the twin saw of each; times in milliseconds from the first tick.
    wanted
        How many faults would be injected if there were room.
    """

    roles: tuple[Role, ...] = ()
    frames: list[list[list[Template]]] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()
    labels: list[Label] = field(default_factory=list)
    wanted: int = 0

    @property
    def racks(self) -> frozenset[str]:
        """Of the real hall, that send what is played and nothing else."""
        return frozenset(role.rack for role in self.roles)

    @property
    def spread_s(self) -> float:
        """From the first role's frames of a tick to the last one's."""
        return self.roles[-1].after_s if self.roles else 0.0

    def due(self) -> Iterator[tuple[float, Role, Template]]:
        """Seconds from the first tick, who sends, and what; in order of time."""
        for tick, by_rack in enumerate(self.frames):
            for role in self.roles:
                for template in by_rack[role.played]:
                    yield tick + role.after_s, role, template


def stage(load: Load, cluster: str) -> Stage:
    """Play what a load asks for: nothing in a burst."""
    if load.mode == "storm":
        racks = min(load.racks, STORM_RACKS)
        last = max(load.racks - 1, 1)
        roles = tuple(
            Role(f"rack-{n:04d}", n % racks, SPREAD_S * n / last) for n in range(load.racks)
        )
        lost = Fault("facility-water-loss", "hall", load.warm_up_s, severity=1.0)
        return _play(load, cluster, Stage(roles, faults=(lost,), wanted=1), racks, (lost,))
    if load.mode == "burst":
        return Stage()
    injection = draw(load)
    names = tuple(racks_of(injection.faults))
    roles = tuple(Role(rack, n) for n, rack in enumerate(names))
    out = Stage(roles, faults=injection.faults, wanted=injection.wanted)
    played = tuple(
        replace(f, subject=moved(f.subject, f"rack-{n:04d}")) for n, f in enumerate(out.faults)
    )
    return _play(load, cluster, out, len(names), played) if names else out


def moved(device: str, rack: str) -> str:
    """The same device of another rack."""
    _, slash, rest = device.partition("/")
    return f"{rack}{slash}{rest}"


def _play(load: Load, cluster: str, out: Stage, racks: int, faults: Sequence[Fault]) -> Stage:
    jobs = tuple(Job(FIRST_JOB + n, (f"rack-{n:04d}",), ramp_s=0.0) for n in range(racks))
    scenario = Scenario(
        racks, load.nodes_per_rack, GPUS, load.seed, jobs=jobs, faults=tuple(faults)
    )
    hall = TwinCollector(Hall(scenario), slow_ticks=load.slow_ticks)
    well = TwinCollector(Hall(replace(scenario, faults=())), slow_ticks=load.slow_ticks)
    labeller = Labeller(faults, hall.hall.places)
    framer = Framer(cluster, hall, 0, ticks=load.ticks)
    short_s = load.warm_up_s if load.mode == "storm" else None
    real = {f"rack-{role.played:04d}": role.rack for role in out.roles}
    for tick in range(int(load.length_s) + 1):
        samples = hall.sample(tick * 1000)
        labeller.look(tick, samples, well.sample(tick * 1000))
        for told in hall.happenings():
            there = real[told.subject.partition("/")[0]]
            out.events.append(Happening(told.kind, moved(told.subject, there), told.t_ms, told.code, told.text))  # fmt: skip
        due = []
        if short_s is not None and tick >= short_s:
            # What every source does that sees harm.
            due, short_s = framer.flush(), None
            framer = Framer(cluster, hall, 0, ticks=min(URGENT_TICKS, load.ticks), seqs=framer.seqs)
        by_rack: list[list[Template]] = [[] for _ in range(racks)]
        for framed in due + framer.add(tick, samples, hall.conditions()):
            if framed.rack.startswith("rack-"):
                by_rack[int(framed.rack.removeprefix("rack-"))].append(Template.of(framed))
        out.frames.append(by_rack)
    out.labels = [_label(label, real) for label in labeller.labels(0)]
    return out


def _label(label: recording.Label, real: Mapping[str, str]) -> Label:
    """With the real hall's names."""
    rack, slash, _ = label.cause.partition("/")
    cause = moved(label.cause, real[rack]) if slash else label.cause
    visible_ms, end_ms = (
        None if t is None else recording.to_ms(t) for t in (label.visible, label.end)
    )
    return Label(
        label.fault, label.kind, cause, recording.to_ms(label.onset), visible_ms, None, end_ms
    )
