"""The board: racks by state, burn-up against the plan, where the queue is, who is held, what can be used, which phase is ready."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from msgspec.structs import replace

from coldplate.console.bringup import contiguous
from coldplate.console.bringup.forecast import Forecast
from coldplate.console.bringup.phase_ready import Phase, phase_of
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.states import HELD, STATES, STEPS, TRAINING, WAY, Standing
from coldplate.console.moments import moment

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Queue:
    """Racks before a step, or in it.

    Parameters
    ----------
    step, resource, units
        What they wait for; `units` None where nothing is waited for.
    working, waiting
        Racks: as many as there are units are taken to be worked on, in order of coming.
    oldest_h
        How long the first has been there; None without any.
    held
        Racks that are held in this step.
    """

    step: str
    resource: str
    units: int | None
    working: int
    waiting: int
    oldest_h: float | None
    held: int


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of spare part.

    Parameters
    ----------
    name
        Of the plan.
    racks
        That are held for a cause which needs it.
    stock
        As the plan has it at this time, less what failures used so far on average.
    """

    name: str
    racks: int
    stock: float


@dataclass(frozen=True)
class Board:
    """All of it at a moment.

    Parameters
    ----------
    now_ms, begin_ms
        The moment, and of the first rack on the floor; None before it.
    plan
        With the racks that there are.
    racks
        In order.
    queues, parts
        By step, by spare.
    today, last_24h
        Racks accepted since midnight (UTC), and in the last 24 h.
    largest
        The largest set of accepted racks that a job could have as one piece; None without any.
    phase
        The first training phase, or the next.
    forecast
        None while there is none.
    """

    now_ms: int
    begin_ms: int | None
    plan: Plan
    racks: Sequence[Standing]
    queues: Sequence[Queue]
    parts: Sequence[Part]
    today: int
    last_24h: int
    largest: contiguous.Run | None
    phase: Phase
    forecast: Forecast | None = field(default=None, compare=False)

    @property
    def day(self) -> float | None:
        """Days since the begin."""
        return None if self.begin_ms is None else (self.now_ms - self.begin_ms) / DAY_MS

    @property
    def by_state(self) -> Mapping[str, int]:
        """Racks in each of all states."""
        found = Counter(s.state for s in self.racks)
        return {state: found[state] for state in STATES}

    @property
    def usable(self) -> int:
        """GPUs of accepted racks, those in training too, less those held back."""
        return sum(s.usable for s in self.racks)

    @property
    def held(self) -> list[Standing]:
        """Racks that are held, the longest first."""
        found = [s for s in self.racks if s.state == HELD]
        return sorted(found, key=lambda s: s.since_ms or 0)

    def accepted_by(self, day: float) -> int:
        """Racks that were accepted by a day and are still."""
        return bisect_right(self._accepted, (self.begin_ms or 0) + day * DAY_MS)

    @cached_property
    def _accepted(self) -> list[int]:
        """When racks were accepted, in order."""
        return sorted(t for s in self.racks if (t := accepted_ms(s)) is not None)


def accepted_ms(standing: Standing) -> int | None:
    """When it was accepted; None for a rack that is not."""
    if standing.state not in (WAY[-1], TRAINING):
        return None
    return standing.reached_ms.get(WAY[-1], standing.since_ms)


def sized(plan: Plan, racks: Sequence[Standing]) -> Plan:
    """The plan of the racks that there are."""
    return replace(plan, racks=len(racks)) if racks else plan


def begin_of(plan: Plan, racks: Sequence[Standing]) -> int | None:
    """When the first rack came: as planned, otherwise as told."""
    if plan.begin:
        return round(moment(plan.begin, "plan.begin").timestamp() * 1000)
    came = [t for s in racks for state, t in s.reached_ms.items() if state != WAY[0]]
    return min(came, default=None)


def board(
    plan: Plan, racks: Sequence[Standing], now_ms: int, forecast: Forecast | None = None
) -> Board:
    """As it is now.

    Parameters
    ----------
    plan
        The site's; its number of racks gives way to those there are.
    racks
        As `Racks.look` gives them.
    forecast
        Of an earlier moment will do.
    """
    plan = sized(plan, racks)
    accepted = [t for s in racks if (t := accepted_ms(s)) is not None]
    names = contiguous.lines([s.place for s in racks], plan.feed)
    largest = contiguous.largest(names, [s.usable if s.state == WAY[-1] else 0 for s in racks])
    begin_ms = begin_of(plan, racks)
    phase = phase_of(plan, racks, names, largest, forecast)
    return Board(
        now_ms, begin_ms, plan, racks, _queues(plan, racks, now_ms), _parts(plan, racks, begin_ms, now_ms),
        sum(t >= now_ms - now_ms % DAY_MS for t in accepted), sum(t >= now_ms - DAY_MS for t in accepted),
        largest, phase, forecast,
    )  # fmt: skip


def _queues(plan: Plan, racks: Sequence[Standing], now_ms: int) -> list[Queue]:
    before: list[list[Standing]] = [[] for _ in STEPS]
    in_step = [0] * len(STEPS)
    for standing in racks:
        if standing.state == HELD:
            in_step[min(standing.done, len(STEPS) - 1)] += 1
        elif (done := standing.done) < len(STEPS):
            before[done].append(standing)
    out = []
    for n, (name, there, held) in enumerate(zip(STEPS, before, in_step, strict=True)):
        resource = plan.step[name].resource if n else ""
        units = plan.resource[resource] if resource else None
        working = 0 if n == 0 else len(there) if units is None else min(units, len(there))
        since = [s.since_ms for s in there if s.since_ms is not None]
        oldest_h = (now_ms - min(since)) / 3_600_000 if since and n else None
        out.append(Queue(name, resource, units, working, len(there) - working, oldest_h, held))
    return out


def _parts(plan: Plan, racks: Sequence[Standing], begin_ms: int | None, now_ms: int) -> list[Part]:
    causes = Counter(s.now.cause for s in racks if s.state == HELD and s.now is not None)
    failed: Counter[str] = Counter()
    for standing in racks:
        failed.update(standing.failed)
    days = 0.0 if begin_ms is None else max(0.0, (now_ms - begin_ms) / DAY_MS)
    return [
        Part(name, sum(causes[c] for c in spare.causes),
             max(0.0, spare.stock + days * spare.per_day - spare.need_ratio * failed[spare.step]))
        for name, spare in plan.spare.items()
    ]  # fmt: skip
