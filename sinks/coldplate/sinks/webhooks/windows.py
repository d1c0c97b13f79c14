"""When a silence holds: from its first to its last time, or in windows between that recur by a cron line.

A window begins by the clocks of its zone. A beginning that daylight saving leaves out comes as much later as the clocks
jump; one that comes twice counts once, unless the line says every hour, and then both hours count.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

from coldplate.wire.silence import Silence

FOR_S_MAX = 7 * 86_400.0
_FIELDS = re.compile(r"\S+(?: +\S+){4}")
_DAY = timedelta(days=1)


class WindowError(ValueError):
    """A window that cannot be; the message says what to write instead."""


class Window:
    """The times of one silence.

    Parameters
    ----------
    silence
        Whose.

    Raises
    ------
    WindowError
        When its zone or its cron line is none, or it lasts no time.
    """

    def __init__(self, silence: Silence) -> None:
        self._silence = silence
        self._cron, self._for_ms = silence.cron.strip(), round(silence.for_s * 1000)
        if silence.from_ms >= silence.until_ms:
            raise WindowError("it ends before it begins")
        try:
            self._zone = ZoneInfo(silence.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise WindowError(
                f"{silence.zone!r} is no time zone; write one as Europe/Oslo or UTC"
            ) from None
        if self._cron:
            self._check()

    def _check(self) -> None:
        if not _FIELDS.fullmatch(self._cron):
            raise WindowError(
                f"cron {self._cron!r}: expected are five fields, as '0 3 * * 1' (minute, hour, day, month, weekday)"
            )
        if not 0 < self._for_ms <= FOR_S_MAX * 1000:
            raise WindowError("a window that recurs lasts more than nothing and at most 7 days")
        try:
            croniter(self._cron, datetime(2000, 1, 1)).get_next(datetime)  # noqa: DTZ001  clocks of the zone
        except (CroniterError, ValueError, KeyError, TypeError) as error:
            raise WindowError(f"cron {self._cron!r}: {error}") from None

    def holds(self, t_ms: int) -> bool:
        """Whether it holds at a time."""
        s = self._silence
        if not s.from_ms <= t_ms < s.until_ms:
            return False
        if not self._cron:
            return True
        begun_ms = self._begun(t_ms)
        return begun_ms is not None and t_ms < begun_ms + self._for_ms

    def next_change_ms(self, t_ms: int) -> int | None:
        """The first time after `t_ms` at which it may begin or end to hold; None when it is past."""
        s = self._silence
        if t_ms < s.from_ms:
            return s.from_ms
        if t_ms >= s.until_ms:
            return None
        if not self._cron:
            return s.until_ms
        begun_ms = self._begun(t_ms)
        if begun_ms is not None and t_ms < begun_ms + self._for_ms:
            return min(begun_ms + self._for_ms, s.until_ms)
        next_ms = self._next(t_ms)
        return s.until_ms if next_ms is None else min(next_ms, s.until_ms)

    def _begun(self, t_ms: int) -> int | None:
        """The last beginning at or before a time."""
        local, slack = self._local(t_ms)
        best: int | None = None
        # get_prev gives what is before: a beginning at this very minute is one.
        walk = croniter(self._cron, local + 2 * slack + timedelta(seconds=1))
        while True:
            try:
                wall = walk.get_prev(datetime)
            except CroniterError:
                return best
            past = [at for at in self._unix(wall) if at <= t_ms]
            best = max([*past, *([] if best is None else [best])], default=None)
            if wall <= local - 2 * slack and best is not None:
                return best

    def _next(self, t_ms: int) -> int | None:
        """The first beginning after a time."""
        local, slack = self._local(t_ms)
        best: int | None = None
        walk = croniter(self._cron, local - 2 * slack - timedelta(seconds=1))
        while True:
            try:
                wall = walk.get_next(datetime)
            except CroniterError:
                return best
            ahead = [at for at in self._unix(wall) if at > t_ms]
            best = min([*ahead, *([] if best is None else [best])], default=None)
            if wall >= local + 2 * slack and best is not None:
                return best

    def _local(self, t_ms: int) -> tuple[datetime, timedelta]:
        """The zone's clock at a time, and by how much it is changed within a day of it."""
        at = datetime.fromtimestamp(t_ms / 1000, UTC)
        offsets = [(at + d).astimezone(self._zone).utcoffset() for d in (-_DAY, _DAY)]
        before, after = (o or timedelta() for o in offsets)
        return at.astimezone(self._zone).replace(tzinfo=None), abs(after - before)

    def _unix(self, wall: datetime) -> list[int]:
        """When the zone's clock shows a time: mostly once."""
        first = wall.replace(tzinfo=self._zone)
        shown = [first.timestamp()]
        again = first.replace(fold=1)
        hourly = not self._cron.split()[1].isdecimal() and "*" in self._cron.split()[1]
        if hourly and again.timestamp() > first.timestamp():
            shown.append(again.timestamp())
        return [round(s * 1000) for s in shown]
