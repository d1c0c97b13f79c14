"""From frames to anomalies: write into the state, step every row tick by tick, ask the detectors.

Each row walks through its own ticks in order, whatever the size of frames and batches, so the answer does
not depend on how records were grouped. Rows of all racks that have a tick to judge are judged together.

No Kafka, no Faust, no clock: the caller says what time it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import Detector, Scores, Tick
from coldplate.streams.detectors import defaults
from coldplate.streams.episode import Changes, Episodes
from coldplate.streams.fleet import Fleet, Rows
from coldplate.streams.join import join
from coldplate.streams.ring import SLOTS, Ring
from coldplate.wire.frame import Frame, Part, Shape
from coldplate.wire.incident import Anomaly, Evidence
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind, fast

_FRESH = -1

EXPECTED_MAX = 65_536
"""Devices without a row for which something is kept; far more than have an open incident at once."""

SEEDED_AGE_S = 3600.0
"""A baseline taken over counts as this old: it has seen more than a restarted worker could."""


@dataclass(slots=True)
class _Judge:
    """A detector with its memory and its episodes."""

    detector: Detector
    memory: dict[str, NDArray[np.float64]]
    episodes: Episodes


_Give = Callable[[_Judge, int], None]
"""Puts something into a detector's state of a row."""


class _Kind:
    """State and detectors of one kind of device."""

    def __init__(self, kind: Kind, detectors: Sequence[Detector]) -> None:
        self.ring = Ring(kind, fast(kind))
        self.next = np.full(0, _FRESH, np.int64)
        self.newest = np.full(0, _FRESH, np.int64)
        self.tick_ms = np.zeros(0, np.int64)
        self.judges = [
            _Judge(d, {name: np.zeros(0) for name in d.remembers}, Episodes(d)) for d in detectors
        ]

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in everything."""
        more = rows - len(self.next)
        if more <= 0:
            return
        self.ring.grow(rows)
        self.next = np.concatenate([self.next, np.full(more, _FRESH, np.int64)])
        self.newest = np.concatenate([self.newest, np.full(more, _FRESH, np.int64)])
        self.tick_ms = np.concatenate([self.tick_ms, np.zeros(more, np.int64)])
        for judge in self.judges:
            judge.episodes.grow(rows)
            for name, initial in judge.detector.remembers.items():
                judge.memory[name] = np.concatenate([judge.memory[name], np.full(more, initial)])

    @property
    def nbytes(self) -> int:
        """Bytes of all state."""
        own = self.ring.nbytes + self.next.nbytes + self.newest.nbytes + self.tick_ms.nbytes
        return own + sum(
            j.episodes.nbytes + sum(a.nbytes for a in j.memory.values()) for j in self.judges
        )


class Engine:
    """Detection over all devices of a worker's partitions.

    Parameters
    ----------
    cluster
        Stands in every anomaly.
    inventory
        Devices known from the start; None takes all comers.
    detectors
        Default: all of them.
    """

    def __init__(
        self,
        cluster: str,
        inventory: Inventory | None = None,
        detectors: Sequence[Detector] | None = None,
    ) -> None:
        self.cluster = cluster
        self.fleet = Fleet(inventory)
        chosen = defaults() if detectors is None else detectors
        self._kinds = {k: _Kind(k, [d for d in chosen if d.kind == k]) for k in Kind}
        for kind, state in self._kinds.items():
            state.grow(len(self.fleet.tables[kind]))
        self.counts: Counter[str] = Counter()
        self.newest_ms = 0
        self._waiting: dict[tuple[Shape, int, int], list[tuple[Part, Rows]]] = {}
        self._waiting_rows: dict[Kind, set[int]] = {kind: set() for kind in Kind}
        self._changes: list[Anomaly] = []
        self._expected: dict[str, list[_Give]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all state arrays."""
        return sum(k.nbytes for k in self._kinds.values())

    def write(self, frame: Frame, now_ms: int) -> None:
        """Take a frame; `step` puts it into the state and judges it.

        Frames wait for others of their shape, so that hundreds are written at once. When one comes of a device that
        waits already, all that wait are written first, so that nothing is reordered.

        Raises
        ------
        WireError
            `unknown-device`; the frame is then not taken.
        """
        head = frame.head
        rows_of = [self.fleet.rows(p.kind, p.devices, head.rack) for p in frame.parts]
        for part in frame.parts if self._expected else ():
            self._meet(part.kind, part.devices)
        for part, rows in zip(frame.parts, rows_of, strict=True):
            waiting = self._waiting_rows[part.kind]
            numbers = _numbers(rows)
            if not waiting.isdisjoint(numbers):
                self._write_waiting(now_ms)
            waiting.update(numbers)
            key = (part.shape, head.tick, head.tick_ms)
            self._waiting.setdefault(key, []).append((part, rows))
        self.counts["frames"] += 1

    def _write_waiting(self, now_ms: int) -> None:
        """Put what waits into the state, half a ring at a time."""
        waiting, self._waiting = self._waiting, {}
        for rows in self._waiting_rows.values():
            rows.clear()
        for (shape, tick, tick_ms), members in waiting.items():
            layout, ticks, devices, _ = shape
            state = self._kinds[layout.kind]
            state.grow(len(self.fleet.tables[layout.kind]))
            parts = [part for part, _ in members]
            of = np.array([_numbers(rows) for _, rows in members], np.intp)
            # Ticks of another length count otherwise: such a device starts over.
            anew = of[state.tick_ms[of] != tick_ms]
            state.next[anew] = state.newest[anew] = _FRESH
            state.tick_ms[of] = tick_ms
            half = SLOTS // 2
            for start in range(0, ticks, half):
                self._place(state, parts, of, tick, start, min(half, ticks - start), now_ms)
            self.counts["values"] += len(layout.numbers) * ticks * devices * len(parts)

    def _place(
        self, state: _Kind, parts: Sequence[Part], of: NDArray[np.intp],
        tick: int, start: int, count: int, now_ms: int,
    ) -> None:  # fmt: skip
        """Write ticks `start` to `start + count` of blocks of one shape; `of` has a line of rows a block."""
        first, last = tick + start, tick + start + count - 1
        unjudged = (state.newest[of] != _FRESH) & (state.newest[of] >= state.next[of])
        if (unjudged & (last - state.next[of] >= SLOTS)).any():
            # A batch may hold more of a device than the ring: judge before slots are used again.
            self._judge_all(state, now_ms)
        in_time = np.flatnonzero((state.newest[of] - first < SLOTS).all(axis=1))
        if len(in_time) < len(parts):
            # Slots that hold newer ticks already: the history keeps it, detection is past it.
            self.counts["late_ticks"] += count * (len(parts) - len(in_time))
            parts, of = [parts[i] for i in in_time.tolist()], of[in_time]
            if not parts:
                return
        state.ring.write(join(parts), of.ravel(), tick, start, count)
        due = state.next[of]
        begin = np.where(due == _FRESH, first, due)
        self.counts["late_ticks"] += int(np.clip(begin.max(axis=1) - first, 0, count).sum())
        state.newest[of] = newest = np.maximum(state.newest[of], last)
        # Ticks that the ring has no room for any more are skipped: a gap, which decides nothing.
        state.next[of] = np.maximum(begin, newest - SLOTS + 1)
        self.newest_ms = max(self.newest_ms, last * int(state.tick_ms[of].max()))

    def feed(self, frames: Iterable[Frame], now_ms: int) -> list[Anomaly]:
        """`write` all and `step`."""
        for frame in frames:
            self.write(frame, now_ms)
        return self.step(now_ms)

    def step(self, now_ms: int) -> list[Anomaly]:
        """Judge every tick that was written and not yet judged; what changed, in order of event time.

        Parameters
        ----------
        now_ms
            Wall clock, for `arrived_ms` of the anomalies only.
        """
        self._write_waiting(now_ms)
        for state in self._kinds.values():
            self._judge_all(state, now_ms)
        out, self._changes = sorted(self._changes, key=lambda a: a.t_ms), []
        return out

    def _judge_all(self, state: _Kind, now_ms: int) -> None:
        while len(due := np.flatnonzero((state.newest >= state.next) & (state.newest >= 0))):
            self._judge(state, due, now_ms)

    def _judge(self, state: _Kind, pending: NDArray[np.intp], now_ms: int) -> None:
        number = state.next[pending]
        state.next[pending] += 1
        there = (number >= 0) & (state.ring.seen[number % SLOTS, pending] == number)
        rows, number = pending[there], number[there]
        if not len(rows):
            return
        tick = Tick(state.ring, rows, number, number * state.tick_ms[rows])
        for judge in state.judges:
            scores = judge.detector.score(judge.memory, tick)
            changes = judge.episodes.update(tick, scores)
            if len(changes.fired) or len(changes.cleared):
                self._changes += self._anomalies(judge.detector, tick, scores, changes, now_ms)
        self.counts["judged_ticks"] += len(rows)

    def _anomalies(
        self, rule: Detector, tick: Tick, scores: Scores, changes: Changes, now_ms: int
    ) -> list[Anomaly]:
        table = self.fleet.tables[rule.kind]
        out = []
        for on, positions in ((True, changes.fired), (False, changes.cleared)):
            for i in positions:
                row, t_ms = int(tick.rows[i]), int(tick.t_ms[i])
                since = int(changes.since_ms[i]) if on and changes.since_ms[i] >= 0 else t_ms
                baseline = float(scores.baseline[i])
                evidence = Evidence(
                    rule.name,
                    table.ids[row],
                    rule.metric,
                    since,
                    round(float(scores.value[i]), 3),
                    round(rule.threshold(baseline), 3),
                    None if np.isnan(baseline) else round(baseline, 3),
                )
                out.append(
                    Anomaly(
                        self.cluster, rule.name, rule.fault, table.ids[row], table.racks[row],
                        t_ms, on, rule.severity, evidence, arrived_ms=now_ms,
                    )
                )  # fmt: skip
        return out

    def seed(self, device_id: str, metric: str, baseline: float) -> None:
        """Give a device's baseline of a metric to every detector that keeps one (memory named as it).

        A device that has no row yet gets it with its first frame.
        """

        def give(judge: _Judge, row: int) -> None:
            if metric in judge.memory:
                judge.memory[metric][row] = baseline
                judge.memory[f"{metric}_age_s"][row] = SEEDED_AGE_S
                judge.memory[f"{metric}_last_ms"][row] = 1.0

        self._take_over(device_id, give)

    def resume(self, device_id: str, detector: str) -> None:
        """A detector held a device for faulty when the worker before us ended: it does until it says otherwise."""

        def hold(judge: _Judge, row: int) -> None:
            if judge.detector.name == detector:
                judge.episodes.active[row] = True

        self._take_over(device_id, hold)

    def _take_over(self, device_id: str, give: "_Give") -> None:
        for kind, state in self._kinds.items():
            if (row := self.fleet.tables[kind].row_of.get(device_id)) is not None:
                for judge in state.judges:
                    give(judge, row)
                return
        if len(self._expected) < EXPECTED_MAX:
            self._expected.setdefault(device_id, []).append(give)

    def _meet(self, kind: Kind, devices: Sequence[str]) -> None:
        """Devices that were expected and now have a row get what is kept for them."""
        self._kinds[kind].grow(len(self.fleet.tables[kind]))
        for device_id in devices:
            for give in self._expected.pop(device_id, ()):
                self._take_over(device_id, give)

    def newest_tick_ms(self, kind: Kind, rows: Sequence[int]) -> NDArray[np.int64]:
        """Event time of the newest tick of rows; negative where there is none."""
        at = np.asarray(rows, np.intp)
        state = self._kinds[kind]
        out: NDArray[np.int64] = state.newest[at] * np.maximum(state.tick_ms[at], 1)
        return out

    def latest(self, kind: Kind, name: str, rows: Sequence[int]) -> NDArray[np.float64]:
        """The newest value of a metric for rows; NaN where there is none."""
        state = self._kinds[kind]
        at = np.asarray(rows, np.intp)
        number = state.newest[at]
        out = state.ring.value(name, number % SLOTS, at)
        out[number < 0] = np.nan
        return out

    def recent(self, kind: Kind, name: str, row: int, count: int) -> NDArray[np.float64]:
        """A row's last `count` ticks of a metric, the newest last; NaN where absent or lost."""
        state = self._kinds[kind]
        number = state.newest[row] - np.arange(count - 1, -1, -1)
        rows = np.full(count, row, np.intp)
        out = state.ring.value(name, number % SLOTS, rows)
        out[(number < 0) | (state.ring.seen[number % SLOTS, rows] != number)] = np.nan
        return out

    def baseline(self, kind: Kind, row: int, metric: str) -> float:
        """What a detector takes for usual in a row's metric; 0 when none keeps it or it has learnt nothing."""
        found = [
            float(j.memory[metric][row]) for j in self._kinds[kind].judges if metric in j.memory
        ]
        return max(found, default=0.0)

    def tick_s(self, kind: Kind, row: int) -> float:
        """Length of a row's ticks in seconds."""
        return float(self._kinds[kind].tick_ms[row]) / 1000


def _numbers(rows: Rows) -> Sequence[int]:
    return range(rows.start, rows.stop) if isinstance(rows, slice) else rows.tolist()
