"""The course of one metric of a device, in as many steps as fit into a line: from samples, or from rollups of long times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coldplate.console.querying import Asking
from coldplate.console.sparkline import blocks, pointer, sparkline
from coldplate.sinks.rollups import TIERS, rollup_name
from coldplate.sinks.tables import RAW_DAYS, SAMPLE_TABLES
from coldplate.sinks.webhooks.telling.moment import length, time_only
from coldplate.sinks.webhooks.telling.quantity import scale_of, word_of
from coldplate.wire.metric import Kind

WIDTH = 60
"""Steps of a line."""

SPARSE = 0.6
"""Share of steps with a sample below which they are made longer."""

RAW_MS, FINE_MS = 6 * 3_600_000, 4 * 86_400_000
DAY_MS = 86_400_000

_SQL = """
SELECT intDiv({at_ms} - {begin_ms}, {step_ms}) AS n, avg({mean}), min({low}), max({high})
FROM {table}
WHERE device = %(device)s AND t >= {begin} AND t < {end} AND {mean} IS NOT NULL
GROUP BY n ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class Course:
    """A metric over time.

    Parameters
    ----------
    subject, metric
        Of what.
    begin_ms, step_ms
        When the first step begins, how long each is.
    values
        Means of the steps; None where there was no sample.
    lowest, highest, last
        Of single samples; `last` is the newest mean. None without any.
    table
        Which the values come from.
    """

    subject: str
    metric: str
    begin_ms: int
    step_ms: int
    values: Sequence[float | None]
    lowest: float | None
    highest: float | None
    last: float | None
    table: str

    @property
    def end_ms(self) -> int:
        """End of the last step."""
        return self.begin_ms + self.step_ms * len(self.values)

    def lines(self, mark_ms: int | None = None, mark: str = "opened") -> list[str]:
        """For a person: what, its ends with the unit, the line, and a mark below it."""
        scale = scale_of(self.metric, (self.lowest, self.highest))
        if self.lowest is None or self.highest is None or self.last is None:
            return [f"{word_of(self.metric)} of {self.subject}: nothing is kept of that time"]
        head = (
            f"{word_of(self.metric)} of {self.subject}: {scale.say(self.lowest, with_unit=False)} to "
            f"{scale.say(self.highest)}, last {scale.say(self.last)}"
        )
        drawn = [head, sparkline(self.values, blocks())]
        if mark_ms is not None:
            place = (mark_ms - self.begin_ms) // self.step_ms
            below = pointer(place, len(self.values), f"{mark} {time_only(mark_ms)}")
            drawn += [below] if below else []
        span = f"{time_only(self.begin_ms)} to {time_only(self.end_ms)} UTC, {length(self.end_ms - self.begin_ms)}"
        return [*drawn, span]

    def told(self) -> dict[str, Any]:
        """For a program."""
        return {
            "subject": self.subject, "metric": self.metric, "begin_ms": self.begin_ms, "step_ms": self.step_ms,
            "values": list(self.values), "lowest": self.lowest, "highest": self.highest, "last": self.last,
            "table": self.table,
        }  # fmt: skip


def course(
    asking: Asking, kind: Kind, subject: str, device: int, metric: str, begin_ms: int, end_ms: int,
    *, now_ms: int, width: int = WIDTH,
) -> Course:  # fmt: skip
    """Read it.

    Raises
    ------
    Failure
        The history cannot be asked.
    KeyError
        When the kind has no such metric.
    """
    table = next(
        t for t in SAMPLE_TABLES if t.kind is kind and any(m.name == metric for m in t.metrics)
    )
    step_ms = max((end_ms - begin_ms + width - 1) // width, 1000)
    span_ms, raw = end_ms - begin_ms, now_ms - begin_ms < (RAW_DAYS - 1) * DAY_MS
    if span_ms <= RAW_MS and raw:
        name, mean, low, high = table.name, metric, metric, metric
        at_ms = "toUnixTimestamp64Milli(t)"
        begin, end = (f"fromUnixTimestamp64Milli(toInt64({ms}))" for ms in (begin_ms, end_ms))
    else:
        tier = TIERS[1] if span_ms <= FINE_MS else TIERS[2]
        name = rollup_name(table, tier)
        mean, low, high = f"{metric}_mean", f"{metric}_min", f"{metric}_max"
        at_ms = "toInt64(toUnixTimestamp(t)) * 1000"
        begin, end = (f"toDateTime({ms // 1000})" for ms in (begin_ms, end_ms))
        # A bucket that began before the first step belongs into none.
        step_ms = max(step_ms, tier.seconds * 1000)
    sql = _SQL.format(
        at_ms=at_ms, begin_ms=begin_ms, step_ms=step_ms, mean=mean, low=low, high=high, table=name, begin=begin, end=end,
    )  # fmt: skip
    rows = asking.query(sql, {"device": device}).rows
    if 2 <= len(rows) < SPARSE * width and width > len(rows):
        # Fewer samples than steps: as many steps as there are samples leave no holes that mean nothing.
        return course(
            asking, kind, subject, device, metric, begin_ms, end_ms, now_ms=now_ms, width=len(rows)
        )
    values: list[float | None] = [None] * max(-(-span_ms // step_ms), 1)
    for n, value, _, _ in rows:
        if 0 <= n < len(values):
            values[n] = float(value)
    return Course(
        subject, metric, begin_ms, step_ms, values,
        min((float(r[2]) for r in rows), default=None), max((float(r[3]) for r in rows), default=None),
        float(rows[-1][1]) if rows else None, name,
    )  # fmt: skip
