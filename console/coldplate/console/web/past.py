"""The hall as it was: samples for steps of seconds, rollups for longer ones, incidents as they stood."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from coldplate.console.live.picture import STALE_S
from coldplate.console.web import incidents, strip
from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.console.web.drift import Lines, drift_of
from coldplate.console.web.jobs import Jobs
from coldplate.console.web.samples import THROTTLED, Samples, values_of, window
from coldplate.console.web.strip import Swing, heard_of, racks_w, states
from coldplate.console.web.water import racks_of
from coldplate.dashboards.web.channels import F32
from coldplate.dashboards.web.picture import Picture
from coldplate.dashboards.web.ports import NotThen
from coldplate.sinks.rollups import STORED_TIERS, TIERS, Tier

STALE_MS = round(1000 * STALE_S)
RAW_STEP_MS = 10_000
"""Up to this step samples are shown."""

ROLLED_UP_MS = 300_000
"""So long after their end minutes and hours may be still to be made (`sink.rollup_s`)."""

PICTURES = 64
"""Kept for who looks at the same past: 3 MB each at 100,000 GPUs."""

_OF = [f"gpu_{t.word}_stats" if t in STORED_TIERS else "gpu_samples" for t in TIERS]
_BEGINS = (
    "SELECT (SELECT toUnixTimestamp64Milli(minOrNull(t)) FROM gpu_samples), "
    + ", ".join(f"(SELECT toInt64(toUnixTimestamp(minOrNull(t))) * 1000 FROM {of})" for of in _OF)
    + ", toUnixTimestamp64Milli(now64(3))"
)
_MEANS = """
SELECT device, toFloat32(ifNull(power_w_mean, nan)) AS power, toFloat32(ifNull(gpu_c_mean, nan)) AS temperature,
    toFloat32(ifNull(margin_c_mean, nan)) AS margin, toUInt32(ifNull(job_last, 0)) AS job,
    toUInt32(ifNull(clock_event_reasons_last, 0)) AS reasons
FROM gpu_{word} WHERE t = toDateTime({begin_s})
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the history keeps.

    Parameters
    ----------
    begins_ms
        Oldest sample, and oldest bucket of each tier; None where there is none.
    now_ms
        Its clock.
    """

    begins_ms: tuple[int | None, ...]
    now_ms: int

    @staticmethod
    def of(ask: Ask) -> "Kept":
        """Known from the tables' parts, without reading a row.

        Raises
        ------
        Away
        """
        ((*begins, now_ms),) = ask.rows(_BEGINS)
        return Kept(tuple(None if b is None else int(b) for b in begins), int(now_ms))

    @property
    def oldest_ms(self) -> int | None:
        """From when there is anything."""
        return min((b for b in self.begins_ms if b is not None), default=None)

    def tier(self, at_ms: int, step_ms: int) -> Tier | None:
        """The longest rollup that is no longer than a step; None for samples.

        Where what would do is kept no more, or not made yet, the finest that is.

        Raises
        ------
        NotThen
        """
        if self.oldest_ms is None:
            raise NotThen("the history is empty")
        if at_ms > self.now_ms:
            raise NotThen(f"{_said(at_ms)} lies ahead; it is {_said(self.now_ms)}")
        # A bucket is shown from its end.
        begins = [
            (tier, begin + (1000 * tier.seconds if tier else 0))
            for tier, begin in zip((None, *TIERS), self.begins_ms, strict=True)
            if begin is not None
        ]
        kept = [tier for tier, begin in begins if begin <= at_ms]
        if not kept:
            raise NotThen(f"nothing is kept of {_said(at_ms)}; the oldest is of {_said(min(b for _, b in begins))}")  # fmt: skip
        if step_ms > RAW_STEP_MS:
            made = self.now_ms - at_ms >= ROLLED_UP_MS
            short = [
                t
                for t in kept
                if t is not None and 1000 * t.seconds <= step_ms and (made or t not in STORED_TIERS)
            ]
            return short[-1] if short else kept[0]
        return kept[0]


@dataclass
class Past:
    """Pictures of the past, the last of them kept; used by several threads at a time."""

    _pictures: OrderedDict[tuple[str, int, str], Picture] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def picture(
        self, ask: Ask, ground: Ground, lines: Lines, kept: Kept, at_ms: int, step_ms: int
    ) -> Picture:
        """As it was.

        Raises
        ------
        Away, NotThen
        """
        tier = kept.tier(at_ms, step_ms)
        name = (ground.floor.version, at_ms, tier.word if tier else "")
        with self._lock:
            found = self._pictures.get(name)
            if found is not None:
                self._pictures.move_to_end(name)
                return found
        made = _raw(ask, ground, lines, at_ms) if tier is None else _means(ask, ground, lines, at_ms, tier)  # fmt: skip
        # What is of the last seconds may still be coming.
        if kept.now_ms - at_ms > 2 * STALE_MS:
            with self._lock:
                self._pictures[name] = made
                while len(self._pictures) > PICTURES:
                    self._pictures.popitem(last=False)
        return made


def _raw(ask: Ask, ground: Ground, lines: Lines, at_ms: int) -> Picture:
    since_ms = at_ms - STALE_MS
    where = window(since_ms, at_ms)
    samples = Samples.none(len(ground.rack_of)).with_newer(ask, ground, where)
    racks = racks_of(ask, ground, where)
    values = dict(values_of(samples, since_ms))
    values["flow"] = racks.flow(ground)
    heard_ms = heard_of(ground, samples, racks)
    watts = racks_w(ground, racks, values["power"])
    return _picture(
        ask, ground, lines, at_ms, values, samples.jobs(since_ms), heard_ms, watts, samples.throttled(since_ms)
    )  # fmt: skip


def _means(ask: Ask, ground: Ground, lines: Lines, at_ms: int, tier: Tier) -> Picture:
    """Of the last bucket that had ended."""
    end_s = at_ms // 1000 // tier.seconds * tier.seconds
    begin_s = end_s - tier.seconds
    found = ask.arrays(_MEANS.format(word=tier.word, begin_s=begin_s))
    count = len(ground.rack_of)
    cells = ground.gpus.find(found["device"]) if len(found["device"]) else np.zeros(0, np.int32)
    known = cells >= 0
    at = cells[known]
    values: dict[str, F32] = {}
    for channel in ("power", "temperature", "margin"):
        values[channel] = np.full(count, np.nan, np.float32)
        values[channel][at] = found[channel][known] if len(at) else ()
    jobs = np.zeros(count, np.uint32)
    jobs[at] = found["job"][known] if len(at) else ()
    racks = racks_of(ask, ground, f"t = toDateTime({begin_s})", tier.word)
    values["flow"] = racks.flow(ground)
    heard_ms = racks.heard_ms
    np.maximum.at(heard_ms, ground.rack_of[at], begin_s * 1000)
    # Whether a GPU was held down is known of the bucket's last sample.
    held = int(np.count_nonzero(found["reasons"][known] & np.uint32(THROTTLED))) if len(at) else 0
    heard_ms = np.where(heard_ms > 0, end_s * 1000, 0)
    return _picture(ask, ground, lines, at_ms, values, jobs, heard_ms, racks_w(ground, racks, values["power"]), held)  # fmt: skip


def _picture(
    ask: Ask, ground: Ground, lines: Lines, at_ms: int, values: Mapping[str, F32],
    jobs: "np.ndarray[tuple[int], np.dtype[np.uint32]]", heard_ms: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    watts: float | None, throttled: int,
) -> Picture:  # fmt: skip
    found = incidents.then(ask, ground, at_ms)
    job, names = Jobs().show(ask, jobs)
    there = ~np.isnan(values["power"])
    drift = np.where(there, drift_of(ask, ground, lines, at_ms), np.float32(np.nan))
    silent = heard_ms == 0
    told = strip.told((watts, None, 0.0), Swing(), throttled, None, states(found, silent))
    return Picture(
        ground.floor.version, at_ms, int(heard_ms.max(initial=0)) or None,
        {**values, "drift": drift, "job": job, "incident": found.codes},
        np.flatnonzero(silent).tolist(), told, names, found.told,
    )  # fmt: skip


def _said(t_ms: int) -> str:
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}"
