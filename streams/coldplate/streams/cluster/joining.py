"""From what workers found to incidents of the cluster: one cause, one incident, however many workers saw it.

Workers share racks out among themselves, and each makes incidents of its own racks. Nearly all of these are whole, and
pass as they are. What several workers see at the same time, of a kind that gathers over racks, becomes one: the first
goes on, those that were told of close and say where they went. What stops a job in one worker's racks explains who waits
for it in another's.

Pure but for its own state: times come with the records.
"""

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from coldplate.streams.case import Case
from coldplate.streams.causes import alike, key_of, rule_of
from coldplate.streams.cluster.whole import Whole
from coldplate.streams.correlate import JOIN_MS, PART_OF
from coldplate.streams.fleet import Fleet
from coldplate.streams.outlook import FORECAST_MOVED_MS
from coldplate.streams.relate import REOPEN_WITHIN_MS, UNDER
from coldplate.streams.topology import Level, Topology
from coldplate.wire.incident import Incident, State
from coldplate.wire.inventory import Inventory

FORGET_MS = 3 * REOPEN_WITHIN_MS
"""A worker reopens what closed within `REOPEN_WITHIN_MS`; its record may come late."""

REPLAY_MS = 6 * 3_600_000
"""Who takes over reads findings of so long a time; of older ones the incidents say what they are part of."""


class Joiner:
    """Incidents of the cluster, and what each consists of.

    Parameters
    ----------
    inventory
        Says what stands in what; None: their ids do.
    """

    def __init__(self, inventory: Inventory | None = None) -> None:
        self._topology = Topology(Fleet(inventory))
        self._wholes: dict[str, Whole] = {}
        self._of: dict[str, Whole] = {}
        """By the ids of findings."""
        self._told: dict[str, Incident] = {}
        """What was published before, of incidents that nothing was heard of since."""
        self._newest_ms = 0
        self.counts: Counter[str] = Counter()
        """`findings`, `repeated`: had been told already; `joined`: incidents that became part of another."""

    @property
    def open_incidents(self) -> int:
        """How many are open."""
        return sum(w.open for w in self._wholes.values())

    def know(self, incidents: Iterable[Incident]) -> None:
        """What was published by who did this before: the last record of each incident."""
        every = list(incidents)
        newest_ms = max((i.updated_ms for i in every), default=0)
        for incident in every:
            if incident.state is State.OPEN or newest_ms - incident.updated_ms <= REPLAY_MS:
                self._told[incident.id] = incident
            if incident.parts and incident.state is State.OPEN:
                self._keep(Whole(incident.id, {p: {} for p in incident.parts}, incident))

    def replay(self, findings: Iterable[Incident]) -> None:
        """Findings whose incidents were published before, as they came; call `know` first."""
        for finding in findings:
            self._take(finding)
        for whole in self._wholes.values():
            whole.told = self._told.pop(whole.id, whole.told)

    def take(self, finding: Incident) -> list[Incident]:
        """One record of a worker; the records to publish."""
        self.counts["findings"] += 1
        whole, gone = self._take(finding)
        out = self._publish(whole, finding)
        for other in gone:
            self.counts["joined"] += 1
            if other.told is not None:
                out.append(_went(other.told, whole))
        self._forget()
        return out

    def _take(self, finding: Incident) -> tuple[Whole, list[Whole]]:
        """Where a finding belongs now, and what became part of that."""
        self._newest_ms = max(self._newest_ms, finding.updated_ms)
        whole = self._of.get(finding.id)
        if whole is None:
            whole = Whole(finding.id, told=self._told.pop(finding.id, None))
        whole.take(finding, self._topology)
        self._keep(whole)
        others = [w for w in self._wholes.values() if w is not whole and self._one(whole, w)]
        if not others:
            return whole, []
        first, *rest = sorted((whole, *others), key=_age)
        for other in rest:
            first.swallow(other, self._topology)
            self._wholes.pop(other.id, None)
        self._keep(first)
        return first, rest

    def _keep(self, whole: Whole) -> None:
        self._wholes[whole.id] = whole
        self._of.update(dict.fromkeys(whole.findings, whole))

    def _one(self, whole: Whole, other: Whole) -> bool:
        """Whether two have one cause."""
        one, two = whole.case, other.case
        if one is None or two is None:
            return False
        if two.kind in alike(one.kind):
            return whole.open and other.open and self._together(one, two)
        jobs = whole.jobs & other.jobs
        found = self._explains(one, two, jobs=bool(jobs)) or self._explains(
            two, one, jobs=bool(jobs)
        )
        return found and whole.open and other.open

    def _together(self, one: Case, two: Case) -> bool:
        """The same kind in enough racks at the same time; as `Correlator` has it within one worker's."""
        rule = rule_of(key_of(one.kind))
        within_ms = min(rule.gather_ms, JOIN_MS)
        if abs(one.top.seen_ms - two.top.seen_ms) > within_ms:
            return False
        if rule.gathers is Level.HALL:
            return True
        racks = {
            rack
            for w in self._wholes.values()
            if w.case is not None and w.case.kind in alike(one.kind) and w.open
            and abs(w.case.top.seen_ms - one.top.seen_ms) <= within_ms
            for rack in w.case.racks
        }  # fmt: skip
        return len(racks) >= max(2, rule.racks_min)

    def _explains(self, cause: Case, effect: Case, *, jobs: bool) -> bool:
        """Whether one is a consequence of the other, by the table of causes, where that reaches further than a rack."""
        rule, sight, place = rule_of(cause.top.key), effect.top, cause.top.place
        wide = self._topology.level(place) > Level.RACK
        if not (jobs or wide) or sight.first_ms < cause.top.first_ms - rule.before_ms:
            return False
        for e in rule.explains:
            if sight.key not in e.kinds or sight.latest_ms - cause.top.latest_ms > e.within_ms:
                continue
            if e.reach == "job":
                if jobs:
                    return True
            elif wide and self._topology.within(sight.place, self._reach(place, e.reach)):
                return True
        return False

    def _reach(self, place: str, reach: str) -> str:
        return place if reach == "self" else self._topology.at(place, UNDER[reach])

    def _publish(self, whole: Whole, finding: Incident) -> list[Incident]:
        told, only = whole.told, whole.only
        if whole.case is None and only is None:
            return []
        if only is not None and told is not None and not told.parts and finding.step <= told.step:
            self.counts["repeated"] += 1
            return []
        record = whole.record(self._why(whole, finding), self._topology)
        if only is None and told is not None and not _news(told, record):
            return []
        whole.told = record
        return [record]

    def _why(self, whole: Whole, finding: Incident) -> str:
        known = whole.told.parts or (whole.id,) if whole.told is not None else ()
        if set(known) == set(whole.findings) or whole.case is None:
            return finding.why
        return f"{len(whole.case.racks)} racks of several workers; {finding.why}"

    def _forget(self) -> None:
        """What is over for so long that nobody comes back to it."""
        for whole in list(self._wholes.values()):
            told = whole.told
            if told is None or told.state is State.OPEN or whole.open:
                continue
            if self._newest_ms - told.updated_ms > FORGET_MS:
                del self._wholes[whole.id]
                for name in whole.findings:
                    self._of.pop(name, None)


def _went(told: Incident, whole: Whole) -> Incident:
    """The last record of an incident that became part of another."""
    now_ms = max(told.updated_ms, whole.told.updated_ms if whole.told is not None else 0)
    return replace(
        told, step=told.step + 1, state=State.CLOSED, closed_ms=now_ms, updated_ms=now_ms,
        cause=f"{PART_OF} {whole.id}: {told.cause}", why=f"part of incident {whole.id}",
    )  # fmt: skip


def _age(whole: Whole) -> tuple[bool, int, str]:
    """What was told of first goes on."""
    opened = min((r.opened_ms for r in whole.records), default=0)
    return (whole.told is None, opened, whole.id)


def _news(told: Incident, record: Incident) -> bool:
    """Whether a record says what the last one did not."""
    if (told.throttle_at_ms is None) != (record.throttle_at_ms is None):
        return True
    moved_ms = abs((record.throttle_at_ms or 0) - (told.throttle_at_ms or 0))
    return moved_ms > FORECAST_MOVED_MS or any(
        getattr(told, name) != getattr(record, name)
        for name in ("state", "kind", "subject", "severity", "affected", "throttle_seen_ms", "parts")
    )  # fmt: skip
