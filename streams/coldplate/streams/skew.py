"""Whose clock is wrong: the ticks of a source's frames against the times at which the broker got them.

A frame cannot come before its last tick: one that does has a clock ahead of the broker's, by at least so much. One that
comes later than most of its partition, by the same time again and again, has a clock behind; but a source that was
delayed goes on with its next tick, and comes nearer with each frame that it had kept. When most who were heard since
are as wrong it is the broker's clock, or the way to it, and nobody is named.

The broker's times stand in the records, so that a topic which is read again gives the same answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from statistics import median

from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity

SKEW = "clock-skew"
"""The detector's name in anomalies and evidence."""

AHEAD_MS = 200
"""Brokers keep time by NTP, within some milliseconds; the rest is for a source whose own clock is being slewed."""

BEHIND_MS = 2_000
STEADY_MS = 500
"""Frames of a clock that is behind come late by the same time within this; a queue that is worked off does not."""

FRAMES = 3
"""Frames in a row that must say behind, or right again; a frame that is ahead says so alone."""

USUAL_EVERY_MS, USUAL_MS = 5_000, 1_000
"""How often the usual lateness of a partition is worked out, and when somebody is later."""

LIVE_ROUNDS = 4
"""Who was heard within so many times as many frames as there are sources is expected again; not by a clock in doubt."""

FAR_MS = 5_000
"""A frame that is further ahead is taken back before it is sure whose clock it is: a rack has seen what its newest has."""

ALL_RATIO = 0.5

SOURCES_MIN = 3
"""Of two none can say whose clock is wrong."""

SOURCES_MAX = 65_536
"""Four times those of 100,000 GPUs; whoever sends under ever new names is not followed."""


@dataclass(slots=True)
class _Source:
    rack: str
    heard_ms: int
    late_ms: float
    """By how much its last frame came later than its last tick; negative: before it."""
    last_ms: int
    """Its last tick."""
    first_late_ms: float = 0.0
    """Of the frames in a row that are behind, the first."""
    behind: int = 0
    right: int = FRAMES
    ahead_ms: float = 0.0
    """The most by which a frame was ahead while it is: the one that was quickest knows best."""
    delayed: bool = False
    since_ms: int = 0
    """When the first wrong frame came."""
    since: int = 0
    heard: int = 0
    """Which frame of its partition that was, and its last."""
    wrong: bool = False
    told: bool = False
    calm: bool = False
    """Nothing of the above is kept of it."""


@dataclass(slots=True)
class _Place:
    """A partition: whose frames come out of it, and how late they usually do."""

    sources: dict[str, _Source] = field(default_factory=dict)
    usual_ms: float = 0.0
    asked_ms: int = 0
    frames: int = 0

    def on_time_ms(self, now_ms: int) -> float:
        """Who is no later is on time; nobody, when what is usual is to be worked out anew."""
        known = abs(now_ms - self.asked_ms) < USUAL_EVERY_MS
        return self.usual_ms + BEHIND_MS if known else -inf


class Skew:
    """Clocks of all sources.

    Parameters
    ----------
    cluster
        Stands in the anomalies.

    Notes
    -----
    Some 300 bytes a source, O(1) a frame; O(sources of the partition) once a second while one of them is late or wrong.
    A source that falls silent keeps its last verdict.
    """

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._places: dict[int, _Place] = {}
        self._place_of: dict[str, int] = {}
        self._open: set[str] = set()
        """Whose verdict is not the one that was told."""
        self._taken_over: dict[str, str] = {}

    def take_over(self, name: str, rack: str) -> None:
        """A source whose clock was wrong when the worker before us ended; it is until a frame says otherwise."""
        if (place := self._place_of.get(name)) is not None:
            source = self._places[place].sources[name]
            source.told, source.calm = True, False
            self._note(name, source)
        else:
            self._taken_over[name] = rack

    def heard(self, head: Head, partition: int, appended_ms: int) -> int:
        """A frame came out of a partition, which Kafka has since `appended_ms`.

        Returns
        -------
        int
            By how many ticks its clock is ahead, where it is told from the broker's: so much earlier the frame belongs.
        """
        first_ms = head.tick * head.tick_ms
        last_ms = first_ms + (head.ticks - 1) * head.tick_ms
        late_ms = float(appended_ms - last_ms)
        place = self._places.get(partition)
        if place is None:
            place = self._places[partition] = _Place()
        source = place.sources.get(head.source)
        if (
            source is not None
            and source.calm
            and -AHEAD_MS <= late_ms <= place.on_time_ms(appended_ms)
        ):
            # The common case: nothing is wrong, and nothing was.
            place.frames += 1
            source.late_ms, source.last_ms, source.heard_ms = late_ms, last_ms, appended_ms
            source.heard = place.frames
            return 0
        if source is None:
            if len(self._place_of) >= SOURCES_MAX and head.source not in self._place_of:
                return 0
            source = place.sources[head.source] = self._met(
                head, partition, appended_ms, late_ms, last_ms
            )
        place.frames += 1
        later_ms = late_ms - self._usual_ms(place, late_ms, appended_ms)
        goes_on = first_ms - source.last_ms == head.tick_ms
        self._look_behind(source, late_ms, later_ms, goes_on=goes_on)
        ahead = late_ms < -AHEAD_MS
        wrong = ahead or source.behind >= FRAMES
        source.right = 0 if wrong else source.right + 1
        source.ahead_ms = (
            max(source.ahead_ms, -late_ms) if ahead or late_ms < 0.0 < source.ahead_ms else 0.0
        )
        if wrong and not source.wrong:
            source.since_ms, source.since = appended_ms, place.frames
        # At the edge of what counts one frame is wrong and the next is not.
        source.wrong = wrong or (source.wrong and source.right < FRAMES)
        source.late_ms, source.last_ms, source.heard_ms = late_ms, last_ms, appended_ms
        source.heard = place.frames
        source.calm = not (
            source.wrong or source.told or source.behind or source.delayed or source.ahead_ms
        )
        self._note(head.source, source)
        known = source.told or (source.ahead_ms > FAR_MS and not self._all_wrong(partition))
        return -(-int(source.ahead_ms) // head.tick_ms) if known else 0

    def _met(
        self, head: Head, partition: int, appended_ms: int, late_ms: float, last_ms: int
    ) -> _Source:
        """A source that is new in its partition."""
        before = self._place_of.get(head.source)
        self._place_of[head.source] = partition
        if before is not None:
            return self._places[before].sources.pop(head.source)
        source = _Source(head.rack, appended_ms, late_ms, last_ms)
        source.told = self._taken_over.pop(head.source, None) is not None
        source.right = 0 if source.told else FRAMES
        source.wrong = source.told
        return source

    def _usual_ms(self, place: _Place, late_ms: float, now_ms: int) -> float:
        """How late most of a partition's sources are; worked out when somebody is later, and now and then."""
        later = late_ms - place.usual_ms > BEHIND_MS
        if abs(now_ms - place.asked_ms) >= (USUAL_MS if later else USUAL_EVERY_MS):
            place.asked_ms = now_ms
            late = [s.late_ms for s in self._live(place)]
            place.usual_ms = max(median(late), 0.0) if late else 0.0
        return place.usual_ms

    @staticmethod
    def _look_behind(source: _Source, late_ms: float, later_ms: float, *, goes_on: bool) -> None:
        """Count frames that come late by the same time, unless what came before them was a delay."""
        if later_ms <= BEHIND_MS:
            source.behind, source.delayed = 0, False
            return
        # A clock that is set back repeats ticks; who was held up goes on where it had stopped.
        source.delayed |= goes_on and late_ms - source.late_ms > STEADY_MS
        if source.delayed:
            source.behind = 0
        elif source.behind and abs(late_ms - source.first_late_ms) <= STEADY_MS:
            source.behind += 1
        else:
            source.behind, source.first_late_ms = 1, late_ms

    def _note(self, name: str, source: _Source) -> None:
        if source.wrong != source.told:
            self._open.add(name)
        else:
            self._open.discard(name)

    def look(self, now_ms: int) -> list[Anomaly]:
        """Whose clock turned out wrong, or right again, since the last look."""
        out = []
        all_wrong = {n: self._all_wrong(n) for n in {self._place_of[s] for s in self._open}}
        for name in sorted(self._open):
            number = self._place_of[name]
            source = self._places[number].sources[name]
            if source.wrong and (
                source.right or all_wrong[number] or not self._alone(number, source)
            ):
                continue
            source.told, source.calm = source.wrong, False
            self._open.discard(name)
            out.append(self._anomaly(name, source, now_ms))
        return out

    def _all_wrong(self, partition: int) -> bool:
        """Whether most of a partition's sources are, or so few are heard that none can say who is."""
        wrong = [s.wrong for s in self._live(self._places[partition])]
        return len(wrong) < SOURCES_MIN or sum(wrong) > ALL_RATIO * len(wrong)

    def _alone(self, partition: int, source: _Source) -> bool:
        """Whether most of those who are expected have been heard since it was wrong, and most of them were right."""
        live = self._live(self._places[partition])
        heard = [(s.heard >= source.since, s.wrong) for s in live if s is not source]
        since = [wrong for later, wrong in heard if later]
        return 2 * len(since) >= len(heard) and sum(since) <= ALL_RATIO * len(since)

    @staticmethod
    def _live(place: _Place) -> Iterator[_Source]:
        since = place.frames - LIVE_ROUNDS * len(place.sources)
        return (s for s in place.sources.values() if s.heard >= since)

    def _anomaly(self, name: str, source: _Source, now_ms: int) -> Anomaly:
        ahead = source.late_ms < 0.0
        evidence = Evidence(
            SKEW, name, "clock_offset_s", source.since_ms if source.wrong else source.heard_ms,
            round(abs(source.late_ms) / 1000.0, 1), (AHEAD_MS if ahead else BEHIND_MS) / 1000.0,
            note=("ahead" if ahead else "behind") if source.wrong else "right again",
        )  # fmt: skip
        return Anomaly(
            self._cluster, SKEW, "clock-skew", name, source.rack, source.heard_ms, source.wrong,
            Severity.WARNING, evidence, arrived_ms=now_ms,
        )  # fmt: skip
