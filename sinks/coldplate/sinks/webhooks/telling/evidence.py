"""Evidence in words: each line a number with what is usual, the limit, where and when."""

from collections.abc import Sequence

from coldplate.sinks.webhooks.telling.moment import time_only
from coldplate.sinks.webhooks.telling.plain import clean, named
from coldplate.sinks.webhooks.telling.quantity import scale_of, word_of
from coldplate.wire.incident import Evidence

LINES_MAX = 12
FORECAST = "forecast"
"""The detector of what is not measured but expected."""


def deciding(evidence: Sequence[Evidence], metric: str) -> Evidence | None:
    """The evidence that shows the cause best: that of its metric, or else the first that was measured."""
    told = [e for e in evidence if e.detector != FORECAST] or list(evidence)
    with_number = [e for e in told if e.value is not None]
    return next(
        (e for e in with_number if e.metric == metric), next(iter(with_number or told), None)
    )


def lines_of(evidence: Sequence[Evidence], metric: str) -> tuple[str, ...]:
    """The deciding line first, none twice, and how many more there are."""
    first = deciding(evidence, metric)
    ordered = [first, *(e for e in evidence if e is not first)] if first is not None else []
    lines: dict[str, None] = {}
    for i, e in enumerate(ordered):
        if len(lines) == LINES_MAX:
            return (*lines, f"{len(ordered) - i:,} more")
        lines.setdefault(line_of(e))
    return tuple(lines)


def line_of(e: Evidence) -> str:
    """One number in words."""
    word = clean(word_of(e.metric), 60) or "reading"
    said = [f"{word} {_value(e)}".rstrip()]
    scale = scale_of(e.metric, (e.value, e.baseline, e.threshold))
    if e.baseline is not None:
        said.append(f"usually {scale.say(e.baseline, with_unit=e.value is None)}")
    if e.threshold is not None and e.detector != FORECAST:
        said.append(f"limit {scale.say(e.threshold, with_unit=e.value is None)}")
    if e.detector == FORECAST:
        said.append("expected, not measured")
    if note := clean(e.note, 120):
        said.append(note)
    return f"{', '.join(said)} ({named(e.subject)} at {time_only(e.t_ms)})"


def _value(e: Evidence) -> str:
    if e.value is None:
        return ""
    return scale_of(e.metric, (e.value, e.baseline, e.threshold)).say(e.value)
