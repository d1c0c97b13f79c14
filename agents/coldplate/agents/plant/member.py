"""What one agent does about a plant's lease: when it claims, holds and leaves. Pure: records and times in, records out.

Whoever waits claims when it has heard nothing of the holder for a lease's time while it could hear. A claim too many does
no harm, for the log judges it; a claim that comes early after Kafka was away for all would only move the lease about.
"""

from enum import StrEnum

from coldplate.agents.plant.lease import Terms
from coldplate.wire.lease import LeaseRecord

CLAIM_S = 0.5
"""From one claim to the next."""

SLACK_S = 0.1
"""What passes beyond the lease's time before a claim, so that the broker's clock agrees."""

HEARD_S = 3.0
"""How old the last look at the log's end may be for this member to count as connected."""


class RoleState(StrEnum):
    """What a plant's agent is just now; the value is what health and counts show."""

    LEADING = "leading"
    STANDING_BY = "standing_by"
    CUT_OFF = "cut_off"


class Member:
    """One process that reads a plant's devices, or stands by.

    Parameters
    ----------
    plant, name, boot
        As in its records.
    lease_s, hold_s
        After how long without a word the lease is free, and how often the holder speaks.
    tick_ms
        Length of a tick.
    """

    def __init__(
        self, plant: str, name: str, boot: int, *, lease_s: float, hold_s: float, tick_ms: int
    ) -> None:
        self.plant, self.name, self.boot = plant, name, boot
        self._lease_s, self._hold_s, self._tick_ms = lease_s, hold_s, tick_ms
        self.terms = Terms(self.lease_ms, whole=False)
        self.blind = True
        """Whether it has never read the log yet."""

        self._from_ms: int | None = None
        self._named_term: int | None = None
        self._moved_s = float("-inf")
        self._written_s = float("-inf")
        self._claimed_s = float("-inf")
        self._confirmed_s = float("-inf")
        self._looked_s = float("-inf")
        self._quiet_s = float("-inf")
        self._fresh = True

    @property
    def lease_ms(self) -> int:
        """The lease's time."""
        return round(1000 * self._lease_s)

    @property
    def holds(self) -> bool:
        """Whether it has the lease, as far as it has read."""
        return self.terms.holds(self.name, self.boot)

    def state(self, now_s: float) -> RoleState:
        """What it is at a monotonic time."""
        if self.holds:
            late = now_s - self._confirmed_s > self._lease_s
            return RoleState.CUT_OFF if late else RoleState.LEADING
        return RoleState.STANDING_BY if self.connected(now_s) else RoleState.CUT_OFF

    def connected(self, now_s: float) -> bool:
        """Whether it has read the log to its end lately."""
        return now_s - self._looked_s <= HEARD_S

    def hears_holder(self, now_s: float) -> bool:
        """Whether another holds the lease and has spoken lately."""
        return not self.holds and now_s - self._quiet_s <= min(2 * self._hold_s, self._lease_s / 2)

    def begin_anew(self, terms: Terms, now_s: float) -> None:
        """Take terms that were read anew, up to the log's end."""
        self.terms, self.blind = terms, False
        self._quiet_s = self._looked_s = now_s

    def heard(self, offset: int, at_ms: int, record: LeaseRecord, now_s: float) -> bool:
        """Take the next record of the log; whether it is valid."""
        if not self.terms.take(offset, at_ms, record):
            return False
        if (record.member, record.boot) == (self.name, self.boot):
            self._confirmed_s = now_s
            if record.kind == "claim":
                self._moved_s = now_s
        else:
            self._quiet_s = now_s
        return True

    def looked(self, now_s: float) -> None:
        """The log was read to its end."""
        if not self.connected(now_s):
            # Who was away may have missed what the holder said, and so may the holder have been.
            self._quiet_s = now_s
        self._looked_s = now_s

    def begin(self, now_s: float, wall_ms: int, sampled_from_ms: int | None = None) -> int:
        """The first tick to sample in the term that it holds; records name the term's first tick from now on.

        Parameters
        ----------
        now_s, wall_ms
            Monotonic and wall clock.
        sampled_from_ms
            The first of the ticks that it has sampled up to now without reading the log; None without any.
        """
        assert self.terms.present is not None
        min_ms = self.terms.from_ms_min
        next_ms = (max(wall_ms, min_ms) // self._tick_ms + 1) * self._tick_ms
        early = sampled_from_ms is not None and min_ms <= sampled_from_ms < next_ms
        self._from_ms = sampled_from_ms if early else next_ms
        self._named_term = self.terms.present.number
        self._written_s = float("-inf")
        self._moved_s = now_s + (next_ms - wall_ms) / 1000
        return next_ms

    def ticked(self, now_s: float) -> None:
        """A tick was sampled. A holder that samples no more lets its lease run out."""
        self._moved_s = now_s

    def leave(self, until_ms: int) -> LeaseRecord | None:
        """Give the lease up; `until_ms` is the first tick that is not sampled. None when there is nothing to give."""
        term = self.terms.present
        if not self.holds or term is None:
            return None
        # Ticks beyond were not sent, and a clock far ahead must not keep the next one waiting.
        until_ms = min(until_ms, term.last_ms + self.lease_ms + self._tick_ms)
        return self._record("leave", until_ms=until_ms)

    def next(self, now_s: float, wall_ms: int) -> LeaseRecord | None:
        """What it writes now; None for nothing."""
        if self.holds:
            due = now_s - self._written_s >= self._hold_s
            if not due or now_s - self._moved_s > self._lease_s:
                return None
            self._written_s = now_s
            return self._record("hold")
        if not self._may_claim(now_s, wall_ms):
            return None
        self._claimed_s = now_s
        return LeaseRecord(self.plant, self.name, self.boot, "claim")

    def _may_claim(self, now_s: float, wall_ms: int) -> bool:
        if not self.connected(now_s) or now_s - self._claimed_s < CLAIM_S:
            return False
        fresh, self._fresh = self._fresh, False
        term = self.terms.present
        if term is None or term.until_ms is not None:
            return True
        # At its start, once: an earlier process of this member is dead, and others' silence shows in the log. Later it
        # waits: others' silence may be Kafka's, and two that were given one name must not take turns for ever.
        if fresh and self.terms.free(self.name, wall_ms):
            return True
        return now_s - self._quiet_s >= self._lease_s + SLACK_S

    def _record(self, kind: str, *, until_ms: int | None = None) -> LeaseRecord:
        term = self.terms.present
        assert term is not None
        from_ms = self._from_ms if self._named_term == term.number else None
        return LeaseRecord(
            self.plant, self.name, self.boot, "leave" if kind == "leave" else "hold", term.number,
            from_ms, until_ms,
        )  # fmt: skip
