"""Hysteresis, hold, at once, and gaps: with a rule whose score the test gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.episode import GAP_MS, Episodes
from coldplate.streams.ring import Ring
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind, fast

T0_MS = 1_790_000_000_000
NAN = float("nan")


@dataclass(frozen=True)
class Rule:
    """Fires at 10 after 3 s, at once at 20, silent again below 5 after 2 s."""

    name: str = "rule"
    kind: Kind = Kind.CDU
    fault: str = "unknown"
    metric: str = "flow_lpm"
    severity: Severity = Severity.INFO
    on: float = 10.0
    off: float = 5.0
    at_once: float = 20.0
    hold_s: float = 3.0
    clear_s: float = 2.0
    every_s: int = 1
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        value = tick.value(self.metric)
        return Scores(value, value, value)


def changes(scores: Iterable[tuple[float, float]], rows: int = 1) -> list[tuple[str, float, float]]:
    """(what, at second, since second) for scores at seconds, the same for all rows."""
    episodes, ring = Episodes(Rule()), Ring(Kind.CDU, fast(Kind.CDU), rows)
    out = []
    for second, score in scores:
        t_ms = np.full(rows, T0_MS + round(1000 * second))
        tick = Tick(ring, np.arange(rows), t_ms // 1000, t_ms)
        many = np.full(rows, score)
        change = episodes.update(tick, Scores(many, many, many))
        for what, positions in (("fired", change.fired), ("cleared", change.cleared)):
            if len(positions):
                assert rows == len(positions)
                since = change.since_ms[0] if what == "fired" else t_ms[0]
                out.append((what, second, (since - T0_MS) / 1000))
    return out


def steps(*scores: float) -> list[tuple[float, float]]:
    return list(enumerate(scores))


def test_it_fires_when_it_has_held() -> None:
    """At the first tick 3 s after the first high one, and says since when."""
    assert [("fired", 5, 2)] == changes(steps(0, 0, 10, 11, 12, 13, 14, 15))


def test_a_dip_breaks_the_hold() -> None:
    """Values between the thresholds do not count as high; the hold starts anew."""
    assert [("fired", 7, 4)] == changes(steps(0, 12, 12, 9, 12, 12, 12, 12))


def test_much_is_enough_at_once() -> None:
    """One tick, also out of nothing."""
    assert [("fired", 1, 1)] == changes(steps(0, 20))


def test_between_the_thresholds_it_keeps_what_it_is() -> None:
    """Neither fires nor clears between 5 and 10."""
    assert [("fired", 0, 0)] == changes(steps(20, *[7] * 30))
    assert [] == changes(steps(*[7] * 30))


def test_it_clears_when_it_was_low_for_long_enough() -> None:
    """2 s below 5, without a break."""
    assert [("fired", 0, 0), ("cleared", 6, 6)] == changes(steps(20, 4, 4, 6, 4, 4, 4, 4))


def test_nan_tells_nothing() -> None:
    """Neither breaks a hold, nor fires, nor clears, nor counts as low."""
    assert [("fired", 4, 1)] == changes(steps(0, 12, NAN, NAN, 12))
    assert [("fired", 0, 0)] == changes(steps(20, NAN, NAN, NAN, NAN, 4))
    assert [] == changes(steps(*[NAN] * 9))


def test_a_gap_starts_the_hold_anew() -> None:
    """Of the time in it nothing is known: it neither fires nor clears."""
    gap_s = GAP_MS / 1000
    assert [("fired", 6, 1)] == changes([(0, 0), (1, 12), (1 + gap_s, 12)])
    longer = 1 + gap_s + 0.1
    assert [] == changes([(0, 0), (1, 12), (longer, 12), (longer + 2, 12)])
    assert [("fired", 0, 0)] == changes([(0, 20), (1, 4), (longer, 4), (longer + 1, 4)])


def test_time_is_seconds_and_not_ticks() -> None:
    """Ticks of 0.5 s and a lost tick do not change when it fires."""
    assert [("fired", 3.5, 0.5)] == changes([(k / 2, 0.0 if k < 1 else 12.0) for k in range(20)])
    assert [("fired", 4, 1)] == changes([(0, 0), (1, 12), (2, 12), (4, 12), (5, 12)])


def test_it_can_fire_again() -> None:
    """A second episode has its own beginning."""
    scores = steps(20, 4, 4, 4, 4, 4, 12, 12, 12, 12)
    assert [("fired", 0, 0), ("cleared", 3, 3), ("fired", 9, 6)] == changes(scores)


def test_rows_are_judged_alike() -> None:
    """Fifty rows with one row's scores change with it."""
    scores = steps(0, 12, 12, 12, 12, 4, 4, 4, 4)
    assert changes(scores) == changes(scores, 50)


def test_rows_in_trouble_do_not_meddle() -> None:
    """Each of three rows whose ticks come in turn has its own hold and its own end."""
    episodes, ring, rng = (
        Episodes(Rule()),
        Ring(Kind.CDU, fast(Kind.CDU), 3),
        np.random.default_rng(5),
    )
    scores = rng.choice([0.0, 4.0, 7.0, 12.0, 25.0, NAN], (60, 3))
    together: list[list[tuple[str, float, float]]] = [[], [], []]
    for second, line in enumerate(scores):
        rows = np.flatnonzero(rng.uniform(size=3) < 0.8)
        scores[second, np.setdiff1d(range(3), rows)] = np.inf
        t_ms = np.full(len(rows), T0_MS + 1000 * second)
        of = line[rows]
        change = episodes.update(Tick(ring, rows, t_ms // 1000, t_ms), Scores(of, of, of))
        for position, since_ms in zip(change.fired, change.since_ms, strict=True):
            together[rows[position]].append(("fired", second, (since_ms - T0_MS) / 1000))
        for position in change.cleared:
            together[rows[position]].append(("cleared", second, second))
    for row, found in enumerate(together):
        came = [(second, score) for second, score in steps(*scores[:, row]) if score != np.inf]
        assert found == changes(came)
        assert found


def test_who_is_held_since_nobody_knows_when_still_clears() -> None:
    """As after a restart; of rows that are well nothing is kept."""
    episodes, ring = Episodes(Rule()), Ring(Kind.CDU, fast(Kind.CDU), 3)
    assert 0 == episodes.nbytes
    episodes.hold(1)
    assert [1] == list(episodes.active)
    assert 33 == episodes.nbytes
    cleared = []
    for second in range(5):
        t_ms = np.full(3, T0_MS + 1000 * second)
        low = np.zeros(3)
        change = episodes.update(
            Tick(ring, np.arange(3), t_ms // 1000, t_ms), Scores(low, low, low)
        )
        cleared += [(second, row) for row in change.cleared]
    assert [(2, 1)] == cleared
    assert 0 == episodes.nbytes
