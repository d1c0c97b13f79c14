"""Who held a plant's lease when, and so whose each tick is: a pure fold of the records of `coldplate.plant`.

Everybody who reads the log computes the same terms, for only the order of the records and the broker's times of appending
count. A record is valid when

- it is a `claim` and nobody holds the lease: nobody yet, the holder has left, the holder's last valid record was
  appended longer than `lease_ms` before, or the holder is an earlier process of the same member;
- it is a `hold` or a `leave` of the term that is the present one.

A term owns the ticks from the one that its holder names (`from_tick_ms`, not before the claim was appended) up to the
first tick of the next term that names one. The first term of a log may name an earlier one: what its holder sampled while
it could not reach Kafka was nobody else's.

Notes
-----
Why no tick is sent twice. A member sends a tick t of its term only when it has read a valid record of that term which was
appended at a, and t <= a + lease_ms; or when it has read the next term, and t lies before it. Another's later claim is
valid only when it is appended after a' + lease_ms, where a' >= a is the last valid record of the term, and its first tick
is not before that. So t stays this term's whatever is appended later. Ticks and times of appending are compared as
numbers: clocks that differ move the seam, and make records wait, but never make a tick two members'.
"""

from bisect import bisect_right
from dataclasses import dataclass

from coldplate.agents.gate import Verdict
from coldplate.wire.lease import LeaseRecord

TERMS_MAX = 10_000
"""Of which a reader keeps the last; two days of a takeover each 17 s."""


@dataclass(slots=True)
class Term:
    """One holding of the lease.

    Parameters
    ----------
    number
        Offset of its claim.
    member, boot
        Whose, and of which process.
    since_ms, last_ms
        When its claim and its last valid record were appended.
    from_ms
        Its first tick; None before it is known.
    until_ms
        The first tick that it no longer sampled; None unless it left.
    """

    number: int
    member: str
    boot: int
    since_ms: int
    last_ms: int
    from_ms: int | None = None
    until_ms: int | None = None
    spoken: bool = False
    """Whether its holder has said anything after its claim."""


class Terms:
    """The terms of one plant.

    Parameters
    ----------
    lease_ms
        The same for all members.
    whole
        Whether the log is read from its very first record. A reader that begins in the middle does not know who leads:
        it believes the `hold`s that it sees, for their writers knew, and no claim before it has seen a lease's time of
        records. Of ticks before that it cannot tell; it must begin long enough before the end (`lease_log.BACK_S`).
    """

    def __init__(self, lease_ms: int, *, whole: bool) -> None:
        self._lease_ms, self._whole = lease_ms, whole
        self._first_ms: int | None = None
        self._present: Term | None = None
        self._named: list[Term] = []
        self._froms: list[int] = []

    @property
    def present(self) -> Term | None:
        """The term whose holder spoke last; it may have run out."""
        return self._present

    @property
    def from_ms_min(self) -> int:
        """The earliest first tick that the present term may name."""
        assert self._present is not None, "nobody holds the lease"
        if self._whole and not self._named:
            return 0
        return max(self._present.since_ms, self._end_ms() + 1)

    def holds(self, member: str, boot: int) -> bool:
        """Whether this process of this member has the lease, as far as was read."""
        term = self._present
        return term is not None and term.until_ms is None and (term.member, term.boot) == (member, boot)  # fmt: skip

    def free(self, member: str, at_ms: int) -> bool:
        """Whether a claim of a member's new process would be valid at a time of appending."""
        term = self._present
        if term is None:
            first_ms = at_ms if self._first_ms is None else self._first_ms
            return self._whole or at_ms - first_ms > self._lease_ms
        return (
            term.until_ms is not None
            or term.member == member
            or at_ms - term.last_ms > self._lease_ms
        )

    def take(self, offset: int, at_ms: int, record: LeaseRecord) -> bool:
        """Whether the next record of the log, appended at `at_ms`, is valid."""
        if self._first_ms is None:
            self._first_ms = at_ms
        if record.kind == "claim":
            return self._claimed(offset, at_ms, record)
        term = self._of(offset, at_ms, record)
        if term is None:
            return False
        term.last_ms, term.spoken = max(term.last_ms, at_ms), True
        if term.from_ms is None and record.from_tick_ms is not None:
            self._begin(term, record.from_tick_ms)
        if record.kind == "leave":
            until_ms = record.until_tick_ms
            term.until_ms = term.since_ms if until_ms is None else until_ms
        return True

    def verdict(self, member: str, first_ms: int, last_ms: int) -> Verdict:
        """What a member does with a record of the ticks from `first_ms` to `last_ms`."""
        if not self._froms:
            return Verdict.HOLD
        if not self._whole and self._early(first_ms):
            return Verdict.DROP
        first = bisect_right(self._froms, first_ms) - 1
        last = bisect_right(self._froms, last_ms) - 1
        if first < 0 or any(term.member != member for term in self._named[first : last + 1]):
            return Verdict.DROP
        term = self._named[last]
        if last < len(self._named) - 1:
            return Verdict.SEND
        if term.until_ms is not None:
            return Verdict.SEND if last_ms < term.until_ms else Verdict.HOLD
        return Verdict.SEND if last_ms <= term.last_ms + self._lease_ms else Verdict.HOLD

    def _claimed(self, offset: int, at_ms: int, record: LeaseRecord) -> bool:
        if self.holds(record.member, record.boot):
            assert self._present is not None
            self._present.last_ms = max(self._present.last_ms, at_ms)
            return True
        if not self.free(record.member, at_ms):
            return False
        # A member's next process inherits what the last one was promised, whatever a broker's clock does in between.
        last_ms = at_ms if self._present is None else max(at_ms, self._present.last_ms)
        self._present = Term(offset, record.member, record.boot, at_ms, last_ms)
        return True

    def _of(self, offset: int, at_ms: int, record: LeaseRecord) -> Term | None:
        """The present term, when the record is of it."""
        term, number = self._present, record.term
        if term is not None and term.number == number:
            same = (term.member, term.boot) == (record.member, record.boot)
            return term if same and term.until_ms is None else None
        if self._whole or number is None or number >= offset:
            return None
        # Its claim lies before the place where reading began, or was misjudged for what lies there; and so may the
        # claim have been that was believed soon after.
        misjudged = term is not None and not term.spoken and self._early(at_ms)
        if term is None or number > term.number or misjudged:
            from_ms = at_ms if record.from_tick_ms is None else record.from_tick_ms
            self._present = Term(number, record.member, record.boot, min(at_ms, from_ms), at_ms)
            return self._present
        return None

    def _early(self, at_ms: int) -> bool:
        """Whether reading had only just begun: after two leases' time every holder has spoken."""
        return at_ms - (self._first_ms or 0) <= 2 * self._lease_ms

    def _begin(self, term: Term, from_ms: int) -> None:
        first = self._whole and not self._named
        if not first and (from_ms < term.since_ms or from_ms <= self._end_ms()):
            return
        term.from_ms = from_ms
        self._named.append(term)
        self._froms.append(from_ms)
        del self._named[:-TERMS_MAX], self._froms[:-TERMS_MAX]

    def _end_ms(self) -> int:
        """The last tick that is an earlier term's for sure; -1 without one."""
        if not self._named:
            return -1
        term = self._named[-1]
        assert term.from_ms is not None
        return max(term.from_ms, -1 if term.until_ms is None else term.until_ms - 1)
