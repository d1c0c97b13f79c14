"""How one fault came to be found: what the detector that told of it saw and said, tick by tick.

A small hall has one fault of a kind; every detector is listened to, and what is kept is of the one that stands first in
the incident's evidence. Of silence, and of what an event alone tells, no detector judges a reading: then it is shown
whether anything is heard of the subject at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from coldplate.console.evaluating.hall import LiveHall, label_of
from coldplate.console.evaluating.twin import START_MS, without_faults
from coldplate.streams.detector import F64, Detector, Memory, Scores, Tick
from coldplate.streams.detectors import parameters_sha
from coldplate.streams.evaluate.match import Found
from coldplate.streams.fleet import Fleet
from coldplate.streams.parameters import Parameters
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.faults.library import KINDS
from coldplate.twin.labels import Labeller
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.fault import FAMILIES

RACKS, NODES = 3, 4
ONSET_S, AFTER_S, LENGTH_S_MAX = 300.0, 120.0, 1500.0
SEVERITY, SEED = 0.7, 404
SUBJECTS = {
    "gpu": "rack-0001/node-1/gpu-2", "node": "rack-0001/node-1", "cdu": "rack-0001/cdu",
    "rack": "rack-0001", "row": "row-0", "hall": "hall",
}  # fmt: skip
HEARD = "heard"


class Timeline(msgspec.Struct, frozen=True):
    """What is drawn of a kind of fault; times in seconds from its onset, None for what did not come.

    Parameters
    ----------
    kind, subject
        Of the fault.
    detector, of, metric
        Who told of it, from which device's which metric; empty where it was not found.
    t_s, value, score
        Tick by tick; a score of 1 fires.
    visible_s, told_s, harm_s, end_s
        When it could be seen, was told of, did harm, was over.
    """

    kind: str
    subject: str
    detector: str = ""
    of: str = ""
    metric: str = ""
    t_s: tuple[float, ...] = ()
    value: tuple[float | None, ...] = ()
    score: tuple[float | None, ...] = ()
    visible_s: float | None = None
    told_s: float | None = None
    harm_s: float | None = None
    end_s: float | None = None


def kinds() -> dict[str, list[str]]:
    """By family: kinds of fault that the twin can make and somebody is called for; an XID is its event."""
    return {
        family: there
        for family, names in FAMILIES.items()
        if (there := [n for n in names if n in KINDS])
    }


@dataclass(slots=True)
class _Listened:
    """A detector, and what it has said."""

    of: Detector
    said: list[tuple[F64, F64, F64, F64]] = field(default_factory=list)
    """By tick: rows, time in milliseconds, value, score."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        scores = self.of.score(memory, tick)
        told = (tick.rows, tick.t_ms, scores.value, scores.score)
        self.said.append(tuple(np.array(a, np.float64) for a in told))  # type: ignore[arg-type]
        return scores


def timeline(kind: str) -> Timeline:
    """Run the small hall with a fault of a kind."""
    fault = _fault(kind)
    scenario = Scenario(racks=RACKS, nodes=NODES, seed=SEED, load="steps", faults=(fault,))
    listened = [_Listened(d) for d in Parameters().detectors]
    told = Parameters(tuple(cast("Detector", one) for one in listened))
    hall, well = (TwinCollector(Hall(s)) for s in (scenario, without_faults(scenario)))
    live = LiveHall(hall, hall.hall.inventory, parameters=told)
    labeller = Labeller(scenario.all_faults(), hall.hall.places)
    assert fault.end_s is not None
    heard = []
    for tick in range(round(min(fault.end_s + AFTER_S, LENGTH_S_MAX))):
        live.tick(START_MS // 1000 + tick)
        labeller.look(tick, live.samples, well.sample(START_MS + 1000 * tick))
        heard.append(_heard(hall, fault.subject))
    run = live.run([label_of(label) for label in labeller.labels(START_MS)])
    (found,) = run.matching.found
    return _drawn(found, live, listened, heard)


def _fault(kind: str) -> Fault:
    of = KINDS[kind]
    end_s = ONSET_S + of.ramp_s + of.hold_s
    return Fault(kind, SUBJECTS[of.on[0]], ONSET_S, end_s, severity=SEVERITY)


def _heard(hall: TwinCollector, subject: str) -> float:
    """Share of what the subject is, holds or stands in that is heard at this moment."""
    e = hall.hall.effects
    silent = (e.node_silent | e.node_cut, e.cdu_silent | e.cdu_cut, np.zeros(1, np.bool_))
    mine = [
        _within(s.name, subject) or _within(subject, s.name) or not _within(subject, "rack-")
        for s in hall.sources
    ]
    return float(1.0 - np.concatenate(silent)[mine].mean())


def _within(device: str, above: str) -> bool:
    return device.startswith(above)


def _drawn(
    found: Found, live: LiveHall, listened: Sequence[_Listened], heard: Sequence[float]
) -> Timeline:
    label = found.label

    def since(t_ms: int | None) -> float | None:
        return None if t_ms is None else (t_ms - label.onset_ms) / 1000

    of = Timeline(
        label.kind, label.cause, visible_s=since(label.visible_ms), told_s=since(found.told_ms),
        harm_s=since(label.harm_ms), end_s=since(label.end_ms),
    )  # fmt: skip
    if found.said is None:
        return of
    first = next(i for i in live.live.incidents if i.id == found.said.id and i.evidence).evidence[0]
    by_name = {one.of.name: one for one in listened}
    if first.detector not in by_name:
        t_s = tuple(float(t) - ONSET_S for t in range(len(heard)))
        return msgspec.structs.replace(
            of, detector=first.detector, of=first.subject, metric=HEARD, t_s=t_s, value=tuple(heard)
        )
    one = by_name[first.detector]
    rows = _series(one, Fleet(live.inventory).tables[one.of.kind].row_of[first.subject])
    return msgspec.structs.replace(
        of, detector=first.detector, of=first.subject, metric=first.metric,
        t_s=tuple((t_ms - label.onset_ms) / 1000 for t_ms, _, _ in rows),
        value=tuple(v for _, v, _ in rows), score=tuple(s for _, _, s in rows),
    )  # fmt: skip


def _series(one: _Listened, row: int) -> list[tuple[int, float | None, float | None]]:
    """What a detector said of a row: time, value, and score as a share of what fires."""
    return sorted(
        (int(t_ms[i]), _or_none(value[i]), _or_none(score[i] / one.of.on))
        for rows, t_ms, value, score in one.said
        for i in np.flatnonzero(rows == row).tolist()
    )


def _or_none(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


def kept_timeline(folder: Path, kind: str) -> Timeline:
    """As `timeline`, unless it is kept already."""
    path = folder / f"{parameters_sha()}-timeline-{kind}.json"
    if path.is_file():
        return msgspec.json.decode(path.read_bytes(), type=Timeline)
    out = timeline(kind)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(out))
    return out
