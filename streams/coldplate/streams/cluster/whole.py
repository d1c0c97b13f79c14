"""One incident of the cluster: what workers found of it, each in its own racks, and the record that says it all.

A worker that goes leaves its racks to others, who go on under the same id: so what is known is kept rack by rack, and
a record counts for the racks that it speaks of until a newer one does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from msgspec.structs import replace

from coldplate.streams.case import AFFECTED_MAX, EVIDENCE_MAX, FORECAST, Case, worse
from coldplate.streams.naming import KEPT_SAID, name_of, sentence_of
from coldplate.streams.restored import anomaly_behind
from coldplate.streams.topology import Level, Topology
from coldplate.wire.incident import Evidence, Incident, Severity, State


def racks_of(finding: Incident, topology: Topology) -> set[str]:
    """Racks that a worker's record speaks of; "" for what stands in none."""
    subjects = {e.subject for e in finding.evidence if e.detector != FORECAST}
    return {_rack_of(s, topology) for s in subjects} or {finding.rack}


def _rack_of(subject: str, topology: Topology) -> str:
    return topology.at(subject, Level.RACK) if topology.level(subject) <= Level.RACK else ""


@dataclass(slots=True)
class Whole:
    """One incident, of one worker's finding mostly.

    Parameters
    ----------
    id
        Under which it is told of: that of the finding that was first.
    findings
        By their ids, and by rack: the newest record. A finding of which no record is known (it is older than what was
        read at start) holds until one says that it is over.
    told
        The last record that was published; None: nothing was.
    case
        What it all shows.
    """

    id: str
    findings: dict[str, dict[str, Incident]] = field(default_factory=dict)
    told: Incident | None = None
    case: Case | None = None

    @property
    def records(self) -> list[Incident]:
        """The newest records, each once, the first that opened first."""
        every = {id(r): r for r in chain.from_iterable(f.values() for f in self.findings.values())}
        return sorted(every.values(), key=lambda r: (r.opened_ms, r.id, r.updated_ms))

    @property
    def only(self) -> Incident | None:
        """The record, when one says everything."""
        records = self.records
        return records[0] if len(records) == len(self.findings) == 1 else None

    @property
    def open(self) -> bool:
        """Whether it is not over."""
        return any(
            not of or any(r.state is State.OPEN for r in of.values())
            for of in self.findings.values()
        )

    def take(self, finding: Incident, topology: Topology) -> None:
        """A worker's newest record of what it found."""
        of = self.findings.setdefault(finding.id, {})
        of.update(dict.fromkeys(racks_of(finding, topology), finding))
        self.case = self._case(topology)

    def swallow(self, other: "Whole", topology: Topology) -> None:
        """Everything of another one is part of this one."""
        for name, of in other.findings.items():
            self.findings.setdefault(name, {}).update(of)
        self.case = self._case(topology)

    def _case(self, topology: Topology) -> Case | None:
        records = self.records
        if not records:
            return None
        out = Case.restored(records[0])
        victims: dict[str, Evidence] = {}
        for name in self.findings:
            for rack, record in self.findings[name].items():
                for e in record.evidence:
                    if e.detector == FORECAST:
                        victims.setdefault(e.subject, e)
                        continue
                    anomaly = anomaly_behind(record, e, topology)
                    if _rack_of(e.subject, topology) == rack:
                        out.take(anomaly, topology)
        out.kept = any(KEPT_SAID in r.cause for r in records)
        for record in records:
            out.severity = worse(out.severity, record.severity)
            out.first_ms = min(out.first_ms, record.first_tick_ms)
            out.updated_ms = max(out.updated_ms, record.updated_ms)
        out.victims = out.worst = tuple(victims.values())
        if not out.sights:
            return None
        if len(records) > 1:
            called = name_of(out, topology)
            out.kind, out.subject, out.rack = called.kind, called.subject, called.rack
        return out

    @property
    def jobs(self) -> set[int]:
        """Those that it may stop, or that wait."""
        return {job for r in self.records for job in r.jobs}

    def record(self, why: str, topology: Topology) -> Incident:
        """The next record; a single worker's own as it is."""
        step = 0 if self.told is None else self.told.step + 1
        if (only := self.only) is not None and only.id == self.id:
            out = only if only.step >= step else replace(only, step=step)
        else:
            out = self._joined(step, why, topology)
        return out

    def _joined(self, step: int, why: str, topology: Topology) -> Incident:
        records, case = self.records, self.case
        if case is None:
            raise RuntimeError(f"incident {self.id} has no record that says anything")
        closed = None if self.open else max(r.closed_ms or r.updated_ms for r in records)
        case.closed_ms, case.affected = closed, _affected(records, case.subject, case)
        severity = case.severity
        if severity.pages and topology.level(case.subject) > Level.RACK:
            severity = Severity.CRITICAL
        return Incident(
            cluster=case.cluster, id=self.id, step=step, state=State.OPEN if closed is None else State.CLOSED,
            kind=case.kind, subject=case.subject, rack=case.rack, severity=severity,
            opened_ms=min(r.opened_ms for r in records), updated_ms=max(r.updated_ms for r in records),
            closed_ms=closed, cause=sentence_of(case, None, topology),
            first_tick_ms=case.first_ms, affected=case.affected,
            evidence=tuple(case.evidence())[:EVIDENCE_MAX],
            throttle_at_ms=_first(r.throttle_at_ms for r in records),
            throttle_seen_ms=_first(r.throttle_seen_ms for r in records),
            why=why, jobs=_each(r.jobs for r in records), parts=tuple(self.findings),
        )  # fmt: skip


def _first(times: Iterable[int | None]) -> int | None:
    return min((t for t in times if t is not None), default=None)


def _each(of: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(of)))


def _affected(records: Iterable[Incident], subject: str, case: Case) -> tuple[str, ...]:
    """Those of the worker whose first GPU throttles first come first."""
    urgent = sorted(records, key=lambda r: r.throttle_at_ms or (1 << 62))
    members = (s for s, _ in case.members)
    every = dict.fromkeys((*chain.from_iterable(r.affected for r in urgent), *members))
    every.pop(subject, None)
    if len(every) > AFFECTED_MAX:
        every = dict.fromkeys(list(case.racks)[:AFFECTED_MAX])
    return tuple(every)
