"""What detectors have learnt, written down rack by rack, and given to the worker that comes next.

A detector's memory is worth keeping unless it is named in `PASSING`: what one tick or block leaves for the next is
there again after a few minutes of the topic's tail, while a baseline took hours. So that an array of a new detector
survives without anybody having thought of it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64
from coldplate.streams.detectors.blocks import BLOCK_S
from coldplate.streams.engine import Engine
from coldplate.streams.regression import NAMES as LINE
from coldplate.streams.state import Judge, KindState
from coldplate.wire.baseline import VALUES_MAX, Baselines, Block, Learnt, packed
from coldplate.wire.frame import Frame
from coldplate.wire.metric import CATALOGUE, KIND_WORDS, Kind

AGE, LAST = "_age_s", "_last_ms"
"""What `follow` calls an average's age and its last tick (detectors/baseline.py)."""

PASSING = frozenset({
    # Of the block or look before: its score, and what the next is held against.
    "sum_c", "apart_k", "before_w", "score", "peers", "slow_w", "counted", "growth", "lowered_s",
    "evidence_s", "on_s", "back_s", "peak", "side", "settling_s",
    # The tick before.
    "before_k", "earlier_k", "before", "earlier", "before_ms", "earlier_ms", "last", "last_c", "last_w", "last_j",
    "last_ms", "still_k", "count", "spikes", "w_now", "w_last_ms", "flow", "rpm", "most_w",
})  # fmt: skip
"""Names of memory that is not kept; an average of `follow` is kept whatever its name."""

_UNITS = {
    "c": "degC", "k": "K", "w": "W", "lpm": "l/min", "kpa": "kPa", "rpm": "1/min", "mhz": "MHz", "hz": "Hz",
    "l": "l", "s": "s", "ms": "ms", "j": "J",
}  # fmt: skip
"""By the end of a name."""


@cache
def kept(remembered: tuple[str, ...]) -> tuple[str, ...]:
    """Which of a detector's arrays are kept; those that tell of another (its age, its last tick) are not named.

    Examples
    --------
    >>> kept(("flow_lpm", "flow_lpm_age_s", "flow_lpm_last_ms", "score", "slope"))
    ('flow_lpm', 'slope')
    """
    averages = [n for n in remembered if n + AGE in remembered and n + LAST in remembered]
    told = {n + part for n in averages for part in (AGE, LAST)}
    return tuple(n for n in remembered if n in averages or (n not in told and n not in PASSING))


@cache
def unit_of(kind: Kind, name: str) -> str:
    """The unit of what is kept under a name: the metric's, or what the name ends in; "" where it has none."""
    for metric in CATALOGUE[kind]:
        if metric.name == name:
            return "" if metric.unit == "1" else metric.unit
    return _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""


class Keeping:
    """Writes down what is learnt, each rack in its turn, and gives back what was.

    Parameters
    ----------
    engine
        Whose detectors.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._expected: dict[str, list[_Kept]] = {}
        self._written_ms: dict[str, int] = {}
        self._turn: deque[str] = deque()
        self._credit, self._looked_ms = 0.0, -1
        self.counts: Counter[str] = Counter()
        """`kept`: records made; `recalled`: values given back to detectors."""

    def expect(self, records: Iterable[Baselines]) -> None:
        """Take what was known of racks; it is given when their devices tell something.

        Of a rack the newest is taken, here and over calls.
        """
        known_ms = {rack: kept_[0].t_ms for rack, kept_ in self._expected.items() if kept_}
        found: dict[str, list[_Kept]] = {}
        for record in records:
            if record.t_ms <= known_ms.get(record.rack, -1):
                continue
            there = found.setdefault(record.rack, [])
            if there and there[0].t_ms < record.t_ms:
                there.clear()
            if not there or there[0].t_ms == record.t_ms:
                there += (_Kept(KIND_WORDS[b.kind], b, record.t_ms) for b in record.blocks)
        self._expected.update(found)

    def meet(self, frame: Frame) -> None:
        """Give the devices of a frame what was known of them, before their first tick is judged."""
        expected = self._expected.get(frame.head.rack)
        if expected is None:
            return
        for part in frame.parts:
            for known in expected:
                if known.kind is part.kind:
                    self._give(known, part.devices)
        left = [known for known in expected if known.place]
        if left:
            self._expected[frame.head.rack] = left
        else:
            del self._expected[frame.head.rack]

    def due(self, now_ms: int, turn_s: float) -> list[Baselines]:
        """Records of the racks whose turn it is, each once in `turn_s`; call it about once a second."""
        passed_s = (now_ms - self._looked_ms) / 1000.0 if self._looked_ms >= 0 else 0.0
        self._looked_ms = now_ms
        racks = self._racks()
        self._credit += len(racks) * min(max(passed_s, 0.0) / turn_s, 1.0)
        out: list[Baselines] = []
        while self._credit >= 1.0 and racks:
            self._credit -= 1.0
            if not self._turn:
                self._turn.extend(sorted(racks))
            out += self._record(self._turn.popleft())
        return out

    def all(self) -> Iterator[Baselines]:
        """Records of every rack that has told something since it was written down last."""
        for rack in sorted(self._racks()):
            yield from self._record(rack)

    def _racks(self) -> set[str]:
        return {r for table in self._engine.fleet.tables.values() for r in table.rows_of_rack}

    def _record(self, rack: str) -> Iterator[Baselines]:
        """What is known of a rack, in as many records as it takes; nothing when nothing is new.

        A rack that tells this worker nothing any more is another's, who knows better.
        """
        rows_of = {kind: self._rows(kind, rack) for kind in Kind}
        newest = [self._engine.newest_tick_ms(k, r.tolist()) for k, r in rows_of.items()]
        t_ms = int(np.concatenate(newest).max(initial=-1))
        if t_ms <= self._written_ms.get(rack, -1):
            return
        self._written_ms[rack] = t_ms
        held: list[Block] = []
        size = 0
        for block in (b for kind, rows in rows_of.items() for b in self._blocks(kind, rows)):
            more = len(block.devices) * len(block.learnt)
            if held and size + more > VALUES_MAX:
                yield self._made(rack, t_ms, held)
                held, size = [], 0
            held.append(block)
            size += more
        if held:
            yield self._made(rack, t_ms, held)

    def _rows(self, kind: Kind, rack: str) -> NDArray[np.intp]:
        """A rack's rows of a kind, those that have told something."""
        rows = self._engine.fleet.tables[kind].rows_of_rack.get(rack, ())
        newest = self._engine.states[kind].newest
        return np.array([row for row in rows if row < len(newest) and newest[row] >= 0], np.intp)

    def _made(self, rack: str, t_ms: int, blocks: list[Block]) -> Baselines:
        self.counts["kept"] += 1
        return Baselines(self._engine.cluster, rack, t_ms, tuple(blocks))

    def _blocks(self, kind: Kind, rows: NDArray[np.intp]) -> Iterator[Block]:
        """Of rows of one kind, none larger than a record may be."""
        state, ids = self._engine.states[kind], self._engine.fleet.tables[kind].ids
        names = sum(len(kept(tuple(j.detector.remembers))) for j in state.judges)
        most = max(1, VALUES_MAX // max(names, 1))
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            learnt = tuple(e for judge in state.judges for e in _learnt(state, judge, kind, some))
            if learnt:
                yield Block(kind.word, tuple(ids[row] for row in some.tolist()), learnt)

    def _give(self, known: "_Kept", devices: tuple[str, ...]) -> None:
        here = [d for d in devices if d in known.place]
        if not here:
            return
        table, state = self._engine.fleet.tables[known.kind], self._engine.states[known.kind]
        state.grow(len(table))
        rows = np.array([table.row_of[d] for d in here], np.intp)
        at = np.array([known.place.pop(d) for d in here], np.intp)
        for judge in state.judges:
            for entry in known.of_detector.get(judge.detector.name, ()):
                self.counts["recalled"] += _recall(judge, entry, rows, at, known.t_ms)


class _Kept:
    """A block on its way to its devices.

    Parameters
    ----------
    kind
        Of the devices.
    block
        What is known.
    t_ms
        The tick that it rests on.
    """

    def __init__(self, kind: Kind, block: Block, t_ms: int) -> None:
        self.kind, self.t_ms = kind, t_ms
        self.place = {device: i for i, device in enumerate(block.devices)}
        """Who has not come yet, and where its numbers are."""
        self.of_detector: dict[str, list[Learnt]] = {}
        for entry in block.learnt:
            self.of_detector.setdefault(entry.detector, []).append(entry)


def _learnt(state: KindState, judge: Judge, kind: Kind, rows: NDArray[np.intp]) -> Iterator[Learnt]:
    """What a detector knows of rows; names of which it knows nothing are left out."""
    initial: Mapping[str, float] = judge.detector.remembers
    name_of, memory = judge.detector.name, judge.memory
    tick_s = np.maximum(state.tick_ms[rows], 1) / 1000.0
    # Where some devices have parameters of their own, there are several of a name: each tells of its own devices.
    speaks = np.ones(len(rows), np.bool_)
    if judge.voice is not None:
        speaks = np.array([judge.voice.speaks_for(row) for row in rows.tolist()], np.bool_)
    for name in kept(tuple(initial)):
        value = np.asarray(memory[name][rows], np.float64)
        average = name + LAST in memory
        told = memory[name + LAST][rows] > 0.0 if average else value != initial[name]
        told = told & np.isfinite(value) & speaks
        if not told.any():
            continue
        age = last = samples = np.zeros(0)
        if average:
            age = np.asarray(memory[name + AGE][rows], np.float64)
            last = np.asarray(memory[name + LAST][rows], np.float64)
            samples = np.floor(age / tick_s)
        elif name in LINE and LINE[-1] in memory:
            samples = np.asarray(memory[LINE[-1]][rows], np.float64)
            age = samples * BLOCK_S
        yield Learnt(
            name_of, name, unit_of(kind, name),
            *(packed(np.where(told, a, np.nan) if len(a) else a) for a in (value, age, last, samples)),
        )  # fmt: skip


def _recall(
    judge: Judge, entry: Learnt, rows: NDArray[np.intp], at: NDArray[np.intp], t_ms: int
) -> int:
    """Give rows what is at places of an entry; how many values that was."""
    name, memory = entry.name, judge.memory
    if name not in kept(tuple(judge.detector.remembers)):
        return 0
    value = entry.array("value")[at]
    told = np.isfinite(value)
    rows = rows[told]
    memory[name][rows] = value[told]
    if name + LAST in memory:
        memory[name + AGE][rows] = _or(entry.array("age_s"), at, 0.0)[told]
        memory[name + LAST][rows] = _or(entry.array("learnt_ms"), at, float(t_ms))[told]
    return len(rows)


def _or(values: F64, at: NDArray[np.intp], otherwise: float) -> F64:
    """Values at places, or what is taken where they are not told."""
    if not len(values):
        return np.full(len(at), otherwise)
    found = values[at]
    return np.where(np.isfinite(found), found, otherwise)
