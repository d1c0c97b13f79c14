"""Whether an anomaly belongs to a case, or explains one; by the table of causes, place and time."""

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.case import Case, Sight, sight_of
from coldplate.streams.causes import SOON_MS, Explains, key_of, rule_of
from coldplate.streams.engine import Engine
from coldplate.streams.happened import QUIET_MS
from coldplate.streams.topology import Level, Topology
from coldplate.wire.fault import FAMILIES, family_of
from coldplate.wire.incident import Anomaly
from coldplate.wire.metric import Kind

REOPEN_WITHIN_MS = 60_000
"""The same trouble so soon again is the same incident (flap damping)."""

JOB_KINDS = frozenset(FAMILIES["work"])
"""What is seen in all GPUs of a job, wherever they stand."""

_LOOSE = frozenset({"other", "silence"})
"""Families that say nothing of a common cause."""

UNNAMED_MS = 900_000
"""What departs from the usual may have no name for so long: one that comes then is its cause."""

UNDER = {"node": Level.NODE, "rack": Level.RACK, "row": Level.ROW}
"""What a reach of the table of causes is the level of."""


class Relations:
    """Answers about one engine's fleet.

    Parameters
    ----------
    engine
        Tells which job a GPU belongs to.
    topology
        Who stands in what.
    """

    def __init__(self, engine: Engine, topology: Topology) -> None:
        self._engine, self._topology = engine, topology
        self._jobs: dict[str, NDArray[np.float64]] = {}
        self._jobs_ms = -1

    def jobs(self, case: Case) -> tuple[int, ...]:
        """Numbers of the jobs that what a case is about may stop, or that wait; none of what no job feels."""
        top = case.top
        if top.kind not in JOB_KINDS and not any(
            e.reach == "job" for e in rule_of(top.key).explains
        ):
            return ()
        return tuple(self._jobs_of(top.place).astype(np.int64).tolist())

    def since(self, case: Case, anomaly: Anomaly) -> int | None:
        """When what ties an anomaly to a case began; None when nothing does. The latest tie is the closest."""
        sight = sight_of(anomaly)
        if case.closed_ms is not None:
            again = anomaly.t_ms - case.closed_ms <= REOPEN_WITHIN_MS
            return case.opened_ms if again and self._again(case, sight) else None
        ties = [
            s.first_ms for s in case.sights.values()
            if self._same(case, s, sight) or self._burst(case, s, anomaly) or self._explains(s, sight)
        ]  # fmt: skip
        return max(ties, default=None)

    def takes_over(self, anomaly: Anomaly, case: Case) -> bool:
        """Whether an anomaly explains what an open case has been called so far."""
        return case.open and self._explains(sight_of(anomaly), case.top)

    def _again(self, case: Case, sight: Sight) -> bool:
        """Whether what a closed case was about is back."""
        known = case.sights.get(sight.key)
        if known is not None and (known.place == sight.place or rule_of(sight.key).gathers):
            return self._topology.within(sight.place, self._gathered(known, sight.key))
        return any(self._explains(s, sight) for s in case.sights.values())

    def _gathered(self, known: Sight, key: str) -> str:
        level = rule_of(key).gathers
        return (
            known.place if level is None else self._topology.at(known.place, min(level, Level.RACK))
        )

    def _same(self, case: Case, known: Sight, sight: Sight) -> bool:
        """The same kind, or one of its family on the same device, or another device of what gathers."""
        late_ms = sight.latest_ms - known.latest_ms
        if known.key != sight.key:
            family = family_of(sight.kind)
            alike = family == family_of(known.kind) and family not in _LOOSE
            if not alike or known.place != sight.place:
                return False
            return abs(late_ms) <= SOON_MS or self._holds(case, known)
        if known.place == sight.place:
            return True
        rule, topology = rule_of(sight.key), self._topology
        place = topology.common(known.place, sight.place)
        level = topology.level(place)
        if abs(sight.seen_ms - known.seen_ms) > rule.gather_ms:
            return False
        if rule.gathers is not None and level <= rule.gathers:
            return True
        # What was found in enough racks to be one cause is one in the next rack too.
        return topology.level(known.place) > Level.RACK and level > Level.RACK

    @staticmethod
    def _holds(case: Case, known: Sight) -> bool:
        """Whether somebody says so still."""
        return any(key_of(a.kind, a.detector) == known.key for a in case.active.values())

    def _burst(self, case: Case, known: Sight, anomaly: Anomaly) -> bool:
        """XIDs of a node follow each other; one that pages is no part of a burst on another GPU that does not."""
        if not (anomaly.kind.startswith("xid-") and known.key.startswith("xid:")):
            return False
        if abs(anomaly.t_ms - known.latest_ms) > QUIET_MS:
            return False
        if self._topology.within(anomaly.subject, known.place):
            return True
        node = self._topology.at(anomaly.subject, Level.NODE)
        return self._topology.within(known.place, node) and (
            case.severity.pages or not anomaly.severity.pages
        )

    def _explains(self, cause: Sight, sight: Sight) -> bool:
        rule = rule_of(cause.key)
        before_ms = UNNAMED_MS if sight.key == "unknown" else rule.before_ms
        if sight.first_ms < cause.first_ms - before_ms:
            return False
        return any(
            sight.key in e.kinds
            and sight.latest_ms - cause.latest_ms <= e.within_ms
            and self._reaches(cause.place, e, sight.place)
            for e in rule.explains
        )

    def _reaches(self, place: str, how: Explains, other: str) -> bool:
        if how.reach == "self":
            return self._topology.within(other, place)
        if how.reach != "job":
            return self._topology.within(other, self._topology.at(place, UNDER[how.reach]))
        if self._topology.within(other, self._topology.at(place, Level.NODE)):
            return True
        return bool(np.isin(self._jobs_of(place), self._jobs_of(other)).any())

    def _jobs_of(self, place: str) -> NDArray[np.float64]:
        """Numbers of the jobs that have GPUs in a place; of a GPU that says nothing any more, its node's."""
        if self._jobs_ms != self._engine.newest_ms:
            self._jobs_ms = self._engine.newest_ms
            self._jobs.clear()
        if (known := self._jobs.get(place)) is None:
            known = self._ask(place)
            if not len(known) and self._topology.level(place) is Level.GPU:
                known = self._ask(self._topology.at(place, Level.NODE))
            self._jobs[place] = known
        return known

    def _ask(self, place: str) -> NDArray[np.float64]:
        table = self._engine.fleet.tables[Kind.GPU]
        racks = self._topology.racks(place)
        rows = [row for rack in racks for row in table.rows_of_rack.get(rack, ())]
        if self._topology.level(place) < Level.RACK:
            rows = [row for row in rows if self._topology.within(table.ids[row], place)]
        if not rows:
            return np.empty(0)
        jobs = np.unique(self._engine.latest(Kind.GPU, "job", rows))
        return jobs[np.isfinite(jobs)]
