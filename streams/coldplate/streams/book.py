"""Which cases there are, and which of them can have to do with an anomaly: by who told, by rack, by kind."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from coldplate.streams.case import Case, Member
from coldplate.streams.topology import Level, Topology


class Book:
    """Cases that are open or were closed a moment ago.

    Parameters
    ----------
    topology
        Says what is above a rack.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._all: dict[str, Case] = {}
        self._by_rack: dict[str, dict[str, Case]] = {}
        self._wide: dict[str, Case] = {}
        self._holder: dict[Member, Case] = {}
        self._by_kind: dict[str, dict[str, Case]] = {}
        self._kind_of: dict[str, str] = {}

    def __iter__(self) -> Iterator[Case]:
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    @property
    def open(self) -> list[Case]:
        """Those that are not over."""
        return [c for c in self._all.values() if c.open]

    def get(self, case_id: str) -> Case | None:
        """A case by its id; None when it became part of another."""
        return self._all.get(case_id)

    def holder(self, member: Member) -> Case | None:
        """The open case in which an anomaly holds."""
        return self._holder.get(member)

    def add(self, case: Case) -> None:
        """A case, or one that has grown or has another name."""
        self._all[case.id] = case
        self._named(case)
        for rack in case.racks:
            self._by_rack.setdefault(rack, {})[case.id] = case
        if len(case.racks) != 1 or self._topology.level(case.subject) > Level.RACK:
            self._wide[case.id] = case
        for member in case.active:
            self._holder[member] = case

    def hold(self, case: Case, member: Member, rack: str) -> None:
        """One more anomaly holds in a case; the cheap form of `add`."""
        self._all[case.id] = case
        self._named(case)
        self._holder[member] = case
        if rack in case.racks:
            self._by_rack.setdefault(rack, {})[case.id] = case
        if len(case.racks) != 1:
            self._wide[case.id] = case

    def release(self, member: Member) -> Case | None:
        """An anomaly holds no more; says in which case it did."""
        if (case := self._holder.pop(member, None)) is not None:
            case.active.pop(member, None)
            case.ends_ms.pop(member, None)
        return case

    def quieten(self, case: Case) -> None:
        """Nothing of a case holds any more."""
        for member in list(case.active):
            if self._holder.get(member) is case:
                del self._holder[member]
        case.active.clear()
        case.ends_ms.clear()

    def forget(self, case: Case) -> None:
        """A case that nobody can come back to."""
        self.quieten(case)
        self._all.pop(case.id, None)
        self._wide.pop(case.id, None)
        self._by_kind.get(self._kind_of.pop(case.id, ""), {}).pop(case.id, None)
        for rack in case.racks:
            if (there := self._by_rack.get(rack)) is not None:
                there.pop(case.id, None)
                if not there:
                    del self._by_rack[rack]

    def near(self, subject: str, rack: str, *, everywhere: bool = False) -> Iterable[Case]:
        """Cases that can have to do with a subject, in the order in which they opened."""
        if everywhere or self._topology.level(subject) > Level.RACK:
            found = self._all
        else:
            found = {**self._by_rack.get(rack, {}), **self._wide}
        return sorted(found.values(), key=lambda c: (c.opened_ms, c.id))

    def of_kinds(self, kinds: AbstractSet[str]) -> list[Case]:
        """Open cases of some kinds, in the order in which they opened."""
        found = [c for k in kinds for c in self._by_kind.get(k, {}).values() if c.open]
        return sorted(found, key=lambda c: (c.opened_ms, c.id))

    def _named(self, case: Case) -> None:
        known = self._kind_of.get(case.id)
        if known != case.kind:
            if known is not None:
                self._by_kind[known].pop(case.id, None)
            self._kind_of[case.id] = case.kind
            self._by_kind.setdefault(case.kind, {})[case.id] = case
