"""One Modbus device: its polls, what it refuses, and whether it is there.

A request that the device refuses as a whole (illegal address, or illegal value, which is how some say "too many") is
cut in two until the register that it does not have stands alone; that one is `unsupported` and the rest goes on. What
was refused is asked again after the connection was lost, and hourly: a controller that boots refuses for a while.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Happening, Health, Origin
from coldplate.agents.modbus.errors import ModbusError
from coldplate.agents.modbus.place import Asking, Place
from coldplate.agents.modbus.plan import Read, halves, plan
from coldplate.agents.modbus.registers import Register, RegisterMap, Table
from coldplate.wire.metric import CATALOGUE

log = logging.getLogger(__name__)

REST_S_MAX = 30.0
"""Longest wait between two tries of a device that does not answer: 1, 2, 4 ... s."""

LOST_AFTER = 3
"""Failed polls in a row after which the device is said to be lost."""

REASK_MS = 3_600_000

# Exception codes: of these, one register alone may be the cause; the device does not have it; it asks for time, or
# there is none behind the gateway. Any other (4, device failure) is of one request: it has it and cannot tell it now.
_CUT = (2, 3)
_NEVER = (1, 2, 3)
_BUSY = (5, 6)
_GONE = (10, 11)


@dataclass(slots=True)
class _State:
    """What the thread of the polls writes and others read, under the unit's lock."""

    fresh: NDArray[np.float64] | None = None
    absent: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    text: str = ""
    duration_s: float | None = None
    last_success_ms: int | None = None
    happenings: list[Happening] = field(default_factory=list)


class Unit:
    """Polls one device.

    Parameters
    ----------
    place, registers
        Where it is and what its registers mean.
    connect
        Makes its client, in the thread of the polls.
    on_happening
        Told at once of what `happenings` gives too.
    clock
        Monotonic seconds, for durations.
    """

    def __init__(
        self,
        place: Place,
        registers: RegisterMap,
        connect: Callable[[Place], Asking],
        *,
        on_happening: Callable[[Happening], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place, self.registers = place, registers
        self.source = place.source or place.id
        self.rack = place.rack or place.id.partition("/")[0]
        self.punctual = True
        """Whether the last poll was over before who asked for it went on."""
        self._connect, self._on_happening, self._clock = connect, on_happening, clock
        self._client: Asking | None = None
        self._lock = threading.Lock()
        self._state = _State()
        self._costs_s: dict[tuple[Table, int], deque[float]] = {}
        self._read_of: dict[str, Read] = {}
        self._unsupported: list[Register] = []
        self._said: set[str] = set()
        self._refused_ms = 0
        self._reads: tuple[Read, ...] = ()
        self._leaks = [r for r in registers.registers if r.metric.name == "leak"]
        self._plan()
        self._failures, self._next_ms = 0, 0
        self._wet = False

    def due(self, tick_ms: int) -> bool:
        """Whether a poll is to begin at this tick."""
        # A clock that was set back must not mean silence until it has caught up.
        ahead_ms = self._next_ms - tick_ms
        return ahead_ms <= 0 or ahead_ms > max(self.place.every_ms, 1000 * REST_S_MAX)

    async def poll(self, tick_ms: int) -> None:
        """Ask for everything once."""
        self._next_ms = tick_ms + self.place.every_ms
        if self._unsupported and tick_ms - self._refused_ms > REASK_MS:
            self._plan()
        began_s = self._clock()
        values = np.full(len(CATALOGUE[self.registers.kind]), np.nan)
        absent = {r.metric.name: "unsupported" for r in self._unsupported}
        failure: ModbusError | None = None
        if not self._reads:
            failure = ModbusError(
                "refused", "the device has nothing of its map; is it the right one?"
            )
        answers, todo = 0, list(self._reads)[::-1]
        while todo:
            read = todo.pop()
            try:
                self._take(read, await self._ask(read), values)
                answers += 1
                self._tell_water(tick_ms, values)
            except ModbusError as error:
                failure = error
                if error.reason == "refused" and error.code not in _BUSY + _GONE:
                    todo += self._refused(read, error, tick_ms, absent)
                else:
                    self._lose([read, *todo], error, absent)
                    answers = 0
                    break
        self._ended(tick_ms, self._clock() - began_s, values, absent, None if answers else failure)

    def broke(self, tick_ms: int, error: BaseException) -> None:
        """Take note of a poll that ended in a way that nobody foresaw."""
        with self._lock:
            self._state.counts["error"] += 1
        self._failed(tick_ms, ModbusError("error", f"{type(error).__name__}: {error}"))

    def take(self) -> NDArray[np.float64] | None:
        """The values of a poll that ended since the last call, one a metric of the kind."""
        with self._lock:
            fresh, self._state.fresh = self._state.fresh, None
            return fresh

    def happenings(self) -> list[Happening]:
        """What happened since the last call."""
        with self._lock:
            out, self._state.happenings = self._state.happenings, []
            return out

    def health(self) -> Health:
        """Whether the last poll was answered."""
        with self._lock:
            s = self._state
            name = f"modbus/{self.place.id}"
            return Health(name, not s.text, s.text, s.duration_s, s.last_success_ms, dict(s.counts))

    def origins(self) -> Mapping[str, Origin]:
        """By metric: which registers it comes from, and why it is absent."""
        with self._lock:
            absent = dict(self._state.absent)
            costs = {at: median(list(taken)) for at, taken in self._costs_s.items() if taken}
        out = {}
        for r in self.registers.registers:
            read = self._read_of[r.metric.name]
            cost_s = costs.get((read.table, read.address))
            out[r.metric.name] = Origin(
                f"Modbus {r.table} {r.address} of {self.place.host} ({self.registers.name})",
                None if cost_s is None else round(1e6 * cost_s, 1),
                absent.get(r.metric.name, ""),
            )
        return out

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()

    def _plan(self) -> None:
        """Ask for everything that the map has, as if nothing had ever been refused."""
        m, ropes = self.registers, set(map(id, self._leaks))
        self._unsupported.clear()
        reads = plan(m.registers, m.registers_max, m.gap_max)
        # Water first: what comes after it may hang.
        self._reads = tuple(sorted(reads, key=lambda r: not set(map(id, r.registers)) & ropes))
        self._note_reads()

    def _note_reads(self) -> None:
        for read in self._reads:
            for register in read.registers:
                self._read_of[register.metric.name] = read

    async def _ask(self, read: Read) -> list[int]:
        if self._client is None:
            self._client = self._connect(self.place)
        began_s = self._clock()
        words = await self._client.read(read.table, read.address, read.count)
        with self._lock:
            costs = self._costs_s.setdefault((read.table, read.address), deque(maxlen=15))
            costs.append(self._clock() - began_s)
        return words

    @staticmethod
    def _take(read: Read, words: list[int], values: NDArray[np.float64]) -> None:
        for r in read.registers:
            at = r.address - read.address
            value = r.value(words[at : at + r.words])
            if r.metric.name == "leak" and value > 0:
                value = 1.0
            # Of several registers of one metric (leak ropes), wet is what any of them says.
            values[r.metric.number] = np.fmax(values[r.metric.number], value)

    def _refused(
        self, read: Read, error: ModbusError, tick_ms: int, absent: dict[str, str]
    ) -> tuple[Read, ...]:
        """What to ask instead of a request that the device refused."""
        self._count("refused")
        m = self.registers
        self._reads = tuple(r for r in self._reads if r is not read)
        if error.code in _CUT and len(read.registers) > 1:
            cut = halves(read, m.registers_max, m.gap_max)
            self._reads += cut
            self._note_reads()
            return cut
        if error.code in _NEVER:
            self._unsupported += read.registers
            self._refused_ms = tick_ms
            for r in read.registers:
                absent[r.metric.name] = "unsupported"
                if r.metric.name not in self._said:
                    self._said.add(r.metric.name)
                    log.warning("%s: %s is unsupported: %s", self.place.id, r.metric.name, error)
        else:
            # The device has it and cannot tell it now.
            self._reads += (read,)
            absent.update({r.metric.name: "error" for r in read.registers})
        return ()

    def _lose(self, reads: list[Read], error: ModbusError, absent: dict[str, str]) -> None:
        """Nothing more comes of this poll."""
        why = "timeout" if error.reason == "timeout" else "error"
        absent.update({r.metric.name: why for read in reads for r in read.registers})
        if error.reason in ("unreachable", "timeout") and self._unsupported:
            self._plan()

    def _ended(
        self,
        tick_ms: int,
        took_s: float,
        values: NDArray[np.float64],
        absent: dict[str, str],
        failure: ModbusError | None,
    ) -> None:
        some = bool(np.isfinite(values).any())
        with self._lock:
            s = self._state
            s.duration_s, s.absent = took_s, absent
            s.counts["asked"] += 1
            s.counts["answered" if failure is None else _reason(failure)] += 1
            if some:
                s.fresh = values
        if failure is None:
            # Dry is only what all of them say.
            self._wet = self._wet and not self._is(values, 0.0)
            self._answered(tick_ms)
        else:
            self._failed(tick_ms, failure)

    def _answered(self, tick_ms: int) -> None:
        with self._lock:
            before, since_ms = self._state.text, self._state.last_success_ms
            self._state.text, self._state.last_success_ms = "", tick_ms
        if before:
            log.warning("%s: answers again", self.place.id)
        if self._failures >= LOST_AFTER:
            away_s = None if since_ms is None else (tick_ms - since_ms) / 1000
            self._tell(Happening("source_back", self.place.id, tick_ms, data={"away_s": away_s}))
        self._failures = 0

    def _failed(self, tick_ms: int, failure: ModbusError) -> None:
        self._failures += 1
        rest_s = min(2.0 ** min(self._failures - 1, 10), REST_S_MAX)
        self._next_ms = tick_ms + max(self.place.every_ms, int(1000 * rest_s))
        with self._lock:
            before, self._state.text = self._state.text, str(failure)
        if not before:
            log.warning("%s: %s", self.place.id, failure)
        if self._failures == LOST_AFTER:
            self._tell(Happening("source_lost", self.place.id, tick_ms, text=str(failure)))

    def _is(self, values: NDArray[np.float64], leak: float) -> bool:
        return bool(self._leaks) and bool(values[self._leaks[0].metric.number] == leak)

    def _tell_water(self, tick_ms: int, values: NDArray[np.float64]) -> None:
        if self._wet or not self._is(values, 1.0):
            return
        self._wet = True
        where = ", ".join(f"{r.table} {r.address}" for r in self._leaks)
        text = f"{self.registers.name}: leak detector wet ({where})"
        self._tell(Happening("leak", self.place.id, tick_ms, text=text))

    def _tell(self, happening: Happening) -> None:
        with self._lock:
            self._state.happenings.append(happening)
        if self._on_happening is not None:
            self._on_happening(happening)

    def _count(self, what: str) -> None:
        with self._lock:
            self._state.counts[what] += 1


def _reason(failure: ModbusError) -> str:
    return "busy" if failure.code in _BUSY else failure.reason
