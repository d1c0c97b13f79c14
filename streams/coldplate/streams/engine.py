"""From frames to anomalies: write into the state, step every row tick by tick, ask the detectors.

Each row walks through its own ticks in order, whatever the size of frames and batches, so the answer does
not depend on how records were grouped. Rows of all racks that have a tick to judge are judged together.

What is compared within a rack is judged a second time, when all of the rack is there (racks.py).

No Kafka, no Faust, no clock: the caller says what time it is.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.around import Surroundings
from coldplate.streams.detector import Detector, Tick, span
from coldplate.streams.detectors import defaults
from coldplate.streams.fleet import Fleet, Rows
from coldplate.streams.heir import Heir
from coldplate.streams.join import join
from coldplate.streams.parameters import Override
from coldplate.streams.racks import IN_RACK, Racks
from coldplate.streams.ring import SLOTS
from coldplate.streams.state import FRESH, Judge, KindState, Paced
from coldplate.streams.telling import anomalies
from coldplate.streams.variants import variants
from coldplate.streams.waiting import Shape, Waiting, Wave
from coldplate.wire.frame import Frame, Part
from coldplate.wire.incident import Anomaly
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

BACK = 4
"""Ticks before its own that a look of 5 s goes back to."""

log = logging.getLogger(__name__)


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
    overrides
        Parameters of some devices.
    """

    def __init__(
        self,
        cluster: str,
        inventory: Inventory | None = None,
        detectors: Sequence[Detector] | None = None,
        overrides: Sequence[Override] = (),
    ) -> None:
        self.cluster = cluster
        self.fleet = Fleet(inventory)
        chosen = defaults() if detectors is None else detectors
        self._kinds: dict[Kind, KindState] = {}
        for k in Kind:
            of_kind = [d for d in chosen if d.kind == k]
            cast = variants(of_kind, overrides, self.fleet.tables[k], inventory)
            self._kinds[k] = KindState(k, [d for d, _ in cast], [voice for _, voice in cast])
        for kind, state in self._kinds.items():
            state.grow(len(self.fleet.tables[kind]))
        self._racks = Racks(self.fleet)
        self._around = Surroundings(self._kinds, self._racks)
        self._joined_ms = np.full(len(self._racks), -1, np.int64)
        self._joins = any(state.joined for state in self._kinds.values())
        self.failed: Counter[str] = Counter()
        """Ticks on which a detector raised, by its name."""
        self.counts: Counter[str] = Counter()
        self.newest_ms = 0
        self._waiting = Waiting()
        self._changes: list[Anomaly] = []
        self._heir = Heir(self.fleet, self._kinds)

    @property
    def states(self) -> Mapping[Kind, KindState]:
        """What is kept of the devices, by kind."""
        return self._kinds

    @property
    def nbytes(self) -> int:
        """Bytes of all state arrays."""
        return sum(k.nbytes for k in self._kinds.values())

    def write(self, frame: Frame) -> None:
        """Take a frame; `step` puts it into the state and judges it.

        Frames wait for others of their shape, so that hundreds are written at once.

        Raises
        ------
        WireError
            `unknown-device`; the frame is then not taken.
        """
        rows_of = [self.fleet.rows(p.kind, p.devices, frame.head.rack) for p in frame.parts]
        for part in frame.parts if self._heir.waits else ():
            self._heir.meet(part.kind, part.devices)
        self._waiting.add(frame, rows_of)
        self.counts["frames"] += 1

    def _write_waiting(self, now_ms: int) -> None:
        """Put what waits into the state, wave by wave; what is compared within racks is judged in between."""
        for number, wave in enumerate(self._waiting.take()):
            if number:
                self._judge_racks(now_ms)
            self._write_wave(wave, now_ms)

    def _write_wave(self, wave: Wave, now_ms: int) -> None:
        """Half a ring at a time."""
        groups = [self._ready(key, members) for key, members in wave.items()]
        half = SLOTS // 2
        for start in range(0, max((ticks for *_, ticks in groups), default=0), half):
            if start:
                # Frames longer than half a ring: what their racks had so far is judged before it goes.
                self._judge_racks(now_ms)
            for state, parts, of, tick, ticks in groups:
                if start < ticks:
                    self._place(state, parts, of, tick, start, min(half, ticks - start), now_ms)

    def _ready(
        self, shape: Shape, members: Sequence[tuple[Part, Rows]]
    ) -> tuple[KindState, list[Part], NDArray[np.intp], int, int]:
        """Blocks of one shape with a line of rows each, room for which is made."""
        layout, ticks, devices, _, tick, tick_ms = shape
        state = self._kinds[layout.kind]
        state.grow(len(self.fleet.tables[layout.kind]))
        self._racks.refresh()
        of = _lines([rows for _, rows in members], devices)
        # In the order of their rows, which then mostly lie side by side.
        order = np.argsort(of[:, 0])
        of, parts = of[order], [members[i][0] for i in order.tolist()]
        # Ticks of another length count otherwise: such a device starts over.
        anew = of[state.tick_ms[of] != tick_ms]
        state.next[anew] = state.newest[anew] = FRESH
        state.tick_ms[of] = tick_ms
        self.counts["values"] += len(layout.numbers) * ticks * devices * len(parts)
        return state, parts, of, tick, ticks

    def _place(
        self, state: KindState, parts: Sequence[Part], of: NDArray[np.intp],
        tick: int, start: int, count: int, now_ms: int,
    ) -> None:  # fmt: skip
        """Write ticks `start` to `start + count` of blocks of one shape; `of` has a line of rows a block."""
        first, last = tick + start, tick + start + count - 1
        newest, due = state.newest[of], state.next[of]
        unjudged = (newest != FRESH) & (newest >= due)
        if (unjudged & (last - due >= SLOTS - BACK)).any():
            # A batch may hold more of a device than the ring: judge before slots are used again.
            self._judge_all(state, now_ms)
            due = state.next[of]
        in_time = np.flatnonzero((newest - first < SLOTS).all(axis=1))
        if len(in_time) < len(parts):
            # Slots that hold newer ticks already: the history keeps it, detection is past it.
            self.counts["late_ticks"] += count * (len(parts) - len(in_time))
            parts, of = [parts[i] for i in in_time.tolist()], of[in_time]
            newest, due = newest[in_time], due[in_time]
            if not parts:
                return
        begin = np.where(due == FRESH, first, due)
        self.counts["late_ticks"] += int(np.clip(begin.max(axis=1) - first, 0, count).sum())
        # What was judged stays as it was judged: later looks go back to it.
        skipped = np.clip(begin.min(axis=1) - first, 0, count)
        if not skipped.any():
            self._put(state, parts, of, tick, start, count)
        else:
            for skip in np.unique(skipped[skipped < count]).tolist():
                some = np.flatnonzero(skipped == skip)
                few = [parts[i] for i in some.tolist()]
                self._put(state, few, of[some], tick, start + skip, count - skip)
        newest, line = np.maximum(newest, last), _line(of)
        state.newest[line] = newest.ravel()
        # Ticks that the ring has no room for any more are skipped: a gap, which decides nothing.
        state.next[line] = np.maximum(begin, newest - SLOTS + 1).ravel()
        self.newest_ms = max(self.newest_ms, last * int(state.tick_ms[of[0, 0]]))

    @staticmethod
    def _put(
        state: KindState, parts: Sequence[Part], of: NDArray[np.intp], tick: int, start: int, count: int
    ) -> None:  # fmt: skip
        """Values of blocks into ring and slow metrics."""
        tick_ms, line, block = int(state.tick_ms[of[0, 0]]), _line(of), join(parts)
        rows = line if isinstance(line, slice) else of
        state.ring.write(block, rows, tick, start, count)
        state.slow.write(block, rows, tick * tick_ms, tick_ms, start, count)

    def feed(self, frames: Iterable[Frame], now_ms: int) -> list[Anomaly]:
        """`write` all and `step`."""
        for frame in frames:
            self.write(frame)
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
        self._judge_racks(now_ms)
        out, self._changes = sorted(self._changes, key=lambda a: a.t_ms), []
        return out

    def _judge_all(self, state: KindState, now_ms: int) -> None:
        while len(due := np.flatnonzero((state.newest >= state.next) & (state.newest >= 0))):
            self._judge(state, due, now_ms)

    def _judge(self, state: KindState, pending: NDArray[np.intp], now_ms: int) -> None:
        at = span(pending)
        number = state.next[at].copy()
        state.next[at] = number + 1
        there = (number >= 0) & state.ring.holds(at, number)
        if not there.all():
            pending, number = pending[there], number[there]
        if not len(pending):
            return
        t_ms = number * state.tick_ms[span(pending)]
        tick = Tick(state.ring, pending, number, t_ms, self._around)
        self._ask(state.own, tick, now_ms)
        self.counts["judged_ticks"] += len(pending)

    def _ask(self, paced: Paced, tick: Tick, now_ms: int) -> None:
        """What detectors say of a tick, those that look at it."""
        for every_s, judges in paced.items():
            if len((looked := tick.look(every_s)).rows):
                self._ask_all(judges, looked, now_ms)

    def _ask_all(self, judges: Sequence[Judge], tick: Tick, now_ms: int) -> None:
        """One that raises says nothing, and the others go on."""
        for judge in judges:
            try:
                seen, scores = judge.ask(tick)
            except Exception:  # a detector's own fault must not blind the others
                name = judge.detector.name
                if not self.failed[name]:
                    log.exception("detector %s failed and says nothing of this tick", name)
                self.failed[name] += 1
                continue
            changes = judge.episodes.update(seen, scores)
            if len(changes.fired) or len(changes.cleared):
                table = self.fleet.tables[judge.detector.kind]
                self._changes += anomalies(
                    self.cluster, table, judge.detector, seen, scores, changes, now_ms
                )

    def _judge_racks(self, now_ms: int) -> None:
        """Judge what is compared within racks, tick by tick up to each rack's watermark."""
        if not self._joins:
            return
        if (more := len(self._racks) - len(self._joined_ms)) > 0:
            self._joined_ms = np.concatenate([self._joined_ms, np.full(more, -1, np.int64)])
        upto, newest = self._racks.watermarks({k: self._kinds[k].newest_ms for k in IN_RACK})
        step_ms = self._step_ms()
        # Ticks that the ring has no room for any more are skipped: a gap, which decides nothing.
        self._joined_ms = np.maximum(self._joined_ms, newest - SLOTS * step_ms)
        while len(due := np.flatnonzero(upto > self._joined_ms)):
            self._joined_ms[due] = np.minimum(self._joined_ms[due] + step_ms[due], upto[due])
            self._judge_joined(due, now_ms)

    def _step_ms(self) -> NDArray[np.int64]:
        """Of each rack: the longest tick among its devices, at least 1 ms."""
        out = np.ones(len(self._racks), np.int64)
        for kind in IN_RACK:
            np.maximum.at(out, self._racks.of_row[kind], self._kinds[kind].tick_ms)
        return out

    def _judge_joined(self, racks: NDArray[np.intp], now_ms: int) -> None:
        chosen = np.zeros(len(self._racks), np.bool_)
        chosen[racks] = True
        for kind in IN_RACK:
            state, of_row = self._kinds[kind], self._racks.of_row[kind]
            if not state.joined:
                continue
            rows = np.flatnonzero(chosen[of_row] & (state.tick_ms > 0))
            at = span(rows)
            t_ms, tick_ms = self._joined_ms[of_row[at]], state.tick_ms[at]
            number = _divided(t_ms, tick_ms)
            there = state.ring.holds(at, number) & (number * tick_ms == t_ms)
            if not there.all():
                rows, number, t_ms = rows[there], number[there], t_ms[there]
            if len(rows):
                self._ask(state.joined, Tick(state.ring, rows, number, t_ms, self._around), now_ms)

    def seed(self, device_id: str, metric: str, baseline: float) -> None:
        """Give a device's baseline of a metric to every detector that keeps one; it may have no row yet."""
        self._heir.seed(device_id, metric, baseline)

    def resume(self, device_id: str, detector: str) -> None:
        """A detector held a device for faulty when the worker before us ended: it does until it says otherwise."""
        self._heir.resume(device_id, detector)

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
        out[(number < 0) | ~state.ring.holds(rows, number)] = np.nan
        return out

    def at(self, kind: Kind, name: str, rows: Sequence[int], t_ms: int) -> NDArray[np.float64]:
        """A metric of rows at one moment; NaN where there is no tick of it, or no more."""
        state, at = self._kinds[kind], np.asarray(rows, np.intp)
        tick_ms = np.maximum(state.tick_ms[at], 1)
        number = t_ms // tick_ms
        out = state.ring.value(name, number % SLOTS, at)
        out[~state.ring.holds(at, number) | (number * tick_ms != t_ms)] = np.nan
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


def _lines(rows: Sequence[Rows], devices: int) -> NDArray[np.intp]:
    """Rows of blocks, a line a block."""
    slices = [r.start for r in rows if isinstance(r, slice)]
    if len(slices) == len(rows):
        return np.array(slices, np.intp)[:, None] + np.arange(devices)
    lines = [np.arange(r.start, r.stop) if isinstance(r, slice) else r for r in rows]
    return np.stack(lines).astype(np.intp)


def _line(of: NDArray[np.intp]) -> Rows:
    """Rows of blocks one after the other; a slice when they lie side by side."""
    each = of.ravel()
    if (each[1:] - each[:-1] == 1).all():
        return slice(int(each[0]), int(each[-1]) + 1)
    return each


def _divided(t_ms: NDArray[np.int64], tick_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of ticks. All are of one length, mostly, and numpy divides by one number much faster than by many."""
    if len(tick_ms) and (tick_ms == tick_ms[0]).all():
        return t_ms // int(tick_ms[0])
    return t_ms // tick_ms
