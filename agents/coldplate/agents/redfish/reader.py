"""Reads a service at its own pace: what is due, one request at a time, within what a tick can spare.

A request that is not answered in time stays under way and is taken up in the next tick; its value stands in the tick
in which it is taken, if it is not too old by then. What is overdue most, by its own cadence, comes first, so that a
controller that manages one answer a second is still read all round. Looking for parts shares the line: one of its
requests after two readings, so that a full look at a slow controller takes minutes and disturbs nothing.
"""

import logging
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coldplate.agents.collector import Happening, Health, Origin
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.resource import Looked, Place, Resource, Said, Search, Told
from coldplate.agents.redfish.steps import Job, State, run

log = logging.getLogger(__name__)

REST_MAX_S = 60.0
LOGIN_REST_S = 60.0
"""After a refused login: controllers lock accounts after a few."""

LOGIN_REST_MAX_S = 900.0
RETRY_SEARCH_S = 60.0
MISSED_SEARCH_S = 300.0
READINGS_A_SEARCH = 2
LEAVE_S = 1.0
SLOTS_SKIPPED_MAX = 64
HAPPENINGS_MAX = 1000


@dataclass(slots=True, eq=False)
class _Turn:
    """A resource and how it is doing."""

    resource: Resource
    phase: int
    slot: int = -1
    asked_at: int | None = None
    failures: int = 0
    skip_until: int = 0
    text: str = ""
    logged: bool = False
    durations_s: deque[float] = field(default_factory=lambda: deque(maxlen=9))


class Reader:
    """One service, read tick by tick.

    Parameters
    ----------
    name
        In health and logs: `redfish/rack-0003/cdu`.
    subject
        Id of the device that happenings are about.
    client
        The service.
    search
        Finds what is to be read.
    options
        Budget, limits and cadence.
    clock
        Monotonic seconds.
    chance
        From 0 to 1, for the jitter of rests.
    """

    def __init__(
        self, name: str, subject: str, client: Client, search: Search, options: Redfish, *,
        clock: Callable[[], float], chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.name, self._subject, self._client, self._search = name, subject, client, search
        self._options, self._clock, self._chance = options, clock, chance
        self._turns: list[_Turn] = []
        self._fresh: list[_Turn] = []
        self._searched = False
        self._search_at_s = clock()
        self._job: Job[Told] | None = None
        self._turn: _Turn | None = None
        self._looking: Job[Looked] | None = None
        self._look_waits = False
        self._readings = 0
        self._count = 0
        self._rest_until_s = clock()
        self._failures = 0
        self._text, self._logged = "", False
        self._lost = False
        self._heard_ms: int | None = None
        self._success_ms: int | None = None
        self._duration_s: float | None = None
        self._counts: Counter[str] = Counter()
        self._happenings: deque[Happening] = deque(maxlen=HAPPENINGS_MAX)
        self._closed = False

    def tick(self, tick_ms: int) -> dict[Place, float]:
        """What arrives within the budget."""
        self._count += 1
        if self._heard_ms is None or tick_ms < self._heard_ms:
            self._heard_ms = tick_ms
        until_s = self._clock() + self._options.budget_s
        out: dict[Place, float] = {}
        while not self._closed and self._clock() < until_s and self._clock() >= self._rest_until_s:
            if self._job is None and not self._begin():
                break
            if not self._advance(until_s, tick_ms, out):
                break
        self._judge_silence(tick_ms)
        return out

    def happenings(self) -> list[Happening]:
        """What happened since the last call."""
        out = []
        while self._happenings:
            out.append(self._happenings.popleft())
        return out

    def health(self) -> Health:
        """How the service is doing; from any thread."""
        text = self._text or next((t.text for t in list(self._turns) if t.text), "")
        # Copies first: the other thread goes on counting.
        counts = Counter(dict(self._client.counts)) + Counter(dict(self._counts))
        return Health(self.name, not text, text, self._duration_s, self._success_ms, dict(counts))

    def origins(self) -> Mapping[Place, Origin]:
        """Where each metric comes from."""
        out: dict[Place, Origin] = {}
        for turn in list(self._turns):
            times = list(turn.durations_s)
            cost_us = 1e6 * sorted(times)[len(times) // 2] if times else None
            absent = ("error" if turn.text else "") if times else "timeout"
            for place, words in turn.resource.tells.items():
                said = f"redfish {turn.resource.name} {words}".rstrip()
                out.setdefault(place, Origin(said, cost_us, absent))
        return out

    def close(self) -> None:
        """End the session, within a second."""
        if self._closed:
            return
        self._closed = True
        until_s = self._clock() + LEAVE_S
        try:
            # Also the last request is not made beside another.
            under_way = self._job or (self._looking if self._look_waits else None)
            # A service that is away is not waited for: there may be hundreds to close.
            if not self._failures and (under_way is None or under_way.go_on(until_s) != "waits"):
                run(self._client.leave(), until_s - self._clock(), self._clock)
        except (RedfishError, TimeoutError):
            pass
        finally:
            for job in (self._job, self._looking):
                if job is not None:
                    job.end()
            self._client.drop()

    def _begin(self) -> bool:
        """Whether there is something to do."""
        if self._look_waits:
            # Its request is under way, and there is never a second one.
            return True
        turn = max((t for t in self._turns if self._due(t)), key=self._overdue, default=None)
        looks = self._looking is not None or self._clock() >= self._search_at_s
        if looks and (turn is None or self._readings >= READINGS_A_SEARCH):
            self._readings = 0
            return True
        if turn is None:
            return False
        self._readings += 1
        turn.slot, turn.asked_at = self._slot(turn), self._count
        self._turn, self._job = turn, Job(turn.resource.read(), self._clock)
        return True

    def _slot(self, turn: _Turn) -> int:
        return (self._count + turn.phase) // turn.resource.every

    def _due(self, turn: _Turn) -> bool:
        return turn.slot != self._slot(turn) and self._count >= turn.skip_until

    def _overdue(self, turn: _Turn) -> float:
        if turn.asked_at is None:
            return float("inf")
        return (self._count - turn.asked_at) / turn.resource.every

    def _advance(self, until_s: float, tick_ms: int, out: dict[Place, float]) -> bool:
        """Go on with what is under way; False when the tick's time is over."""
        try:
            if self._job is None:
                return self._look(until_s, tick_ms) != "waits"
            state = self._job.go_on(until_s)
        except RedfishError as error:
            self._failed(error)
            return True
        if state == "done":
            self._landed(tick_ms, out)
        return state != "waits"

    def _look(self, until_s: float, tick_ms: int) -> State:
        if self._looking is None:
            self._fresh = [] if self._searched else self._turns
            self._looking = Job(self._search(self._found), self._clock)
        state = self._looking.go_on(until_s)
        self._look_waits = state == "waits"
        if state == "done":
            looked, self._looking = self._looking.result or Looked(), None
            self._looked(looked, tick_ms)
        return state

    def _looked(self, looked: Looked, tick_ms: int) -> None:
        again_s = self._options.inventory_s
        if looked.missed:
            log.warning("%s: %s", self.name, looked.missed)
            self._counts["parts_missed"] += 1
            # What was there before is read on.
            self._fresh += [t for t in self._turns if t not in self._fresh]
            again_s = min(again_s, MISSED_SEARCH_S)
        self._turns, self._searched = self._fresh, True
        self._search_at_s = self._clock() + again_s
        self._say(looked.said, tick_ms)

    def _found(self, resource: Resource) -> None:
        turn = next((t for t in self._turns if t.resource.name == resource.name), None)
        if turn is not None:
            turn.resource = resource
        else:
            # Slow resources of many services are not all read in the same tick, those of one are.
            turn = _Turn(resource, hash(self.name) % resource.every)
        if turn not in self._fresh:
            self._fresh.append(turn)

    def _landed(self, tick_ms: int, out: dict[Place, float]) -> None:
        job, turn = self._job, self._turn
        assert job is not None
        assert turn is not None
        self._job = self._turn = None
        took_s = self._clock() - job.asked_s
        self._duration_s = took_s
        turn.durations_s.append(took_s)
        told = job.result or Told()
        self._say(told.said, tick_ms)
        if took_s > self._options.late_s:
            self._counts["late"] += 1
            late_s = self._options.late_s
            self._note(
                turn, f"its answers take {took_s:.1f} s, longer than redfish.late_s ({late_s:g} s)"
            )
            return
        out.update(told.values)
        self._counts["answered"] += 1
        if self._logged or turn.logged:
            log.warning("%s: %s answers again", self.name, turn.resource.name)
        self._text, self._logged = "", False
        turn.text, turn.logged = "", False
        self._failures = turn.failures = turn.skip_until = 0
        self._heard(tick_ms)

    def _heard(self, tick_ms: int) -> None:
        if self._lost and self._heard_ms is not None:
            away = {"away_s": (tick_ms - self._heard_ms) / 1000}
            self._happenings.append(Happening("source_back", self._subject, tick_ms, data=away))
        self._lost = False
        self._heard_ms = self._success_ms = tick_ms

    def _failed(self, error: RedfishError) -> None:
        self._counts[error.reason] += 1
        turn, self._job, self._turn = self._turn, None, None
        if turn is None:
            self._looking, self._look_waits = None, False
            self._search_at_s = self._clock() + (0.0 if error.resting else RETRY_SEARCH_S)
            if not error.resting:
                self._complain(error)
        elif not error.resting or error.reason == "timeout":
            # One resource that hangs must not cost the others more than a small share of the time.
            slots = min(2**turn.failures, SLOTS_SKIPPED_MAX)
            turn.failures += 1
            turn.skip_until = self._count + slots * turn.resource.every
            self._note(turn, str(error))
        if error.reason == "not_found":
            # The service's parts changed.
            self._search_at_s = min(self._search_at_s, self._clock() + RETRY_SEARCH_S)
        if error.resting:
            self._rest(error)

    def _note(self, turn: _Turn, text: str) -> None:
        if not turn.text and not self._text:
            log.warning("%s: %s", self.name, text)
            turn.logged = True
        turn.text = text

    def _rest(self, error: RedfishError) -> None:
        self._complain(error)
        self._failures += 1
        least_s, most_s = (
            (LOGIN_REST_S, LOGIN_REST_MAX_S) if error.reason == "login" else (1.0, REST_MAX_S)
        )
        rest_s = min(least_s * 2.0 ** min(self._failures - 1, 20), most_s) * (0.5 + self._chance())
        self._rest_until_s = self._clock() + (rest_s if error.rest_s is None else error.rest_s)

    def _complain(self, error: RedfishError) -> None:
        if not self._text and not any(t.logged for t in self._turns):
            log.warning("%s: %s", self.name, error)
            self._logged = True
        self._text = str(error)

    def _judge_silence(self, tick_ms: int) -> None:
        heard_ms = self._heard_ms if self._heard_ms is not None else tick_ms
        if self._lost or tick_ms - heard_ms < 1000 * self._options.lost_s:
            return
        if self._turns and self._job is None and not self._look_waits and self.health().ok:
            # Nobody asked: ticks were missed, and nothing is due in this one.
            return
        self._lost = True
        text = self._text or next((t.text for t in self._turns if t.text), "it gives no values")
        self._happenings.append(Happening("source_lost", self._subject, tick_ms, text=text))

    def _say(self, said: tuple[Said, ...], tick_ms: int) -> None:
        self._happenings += [
            Happening(s.kind, self._subject, tick_ms, text=s.text, data=s.data) for s in said
        ]
