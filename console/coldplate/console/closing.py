"""What would have to be otherwise for an incident to close: of each detector that holds, the value at which it is silent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coldplate.console.context import Context
from coldplate.sinks.webhooks.telling.evidence import FORECAST
from coldplate.sinks.webhooks.telling.moment import day_and_time, length
from coldplate.sinks.webhooks.telling.plain import named
from coldplate.sinks.webhooks.telling.quantity import say, word_of
from coldplate.streams.correlate import CLOSE_AFTER_MS
from coldplate.streams.detector import Detector
from coldplate.streams.happened import holds_ms
from coldplate.wire.incident import Evidence

AFTER = f"closes {length(CLOSE_AFTER_MS)} after none of these holds any more"


@dataclass(frozen=True, slots=True)
class Condition:
    """One detector that has to fall silent.

    Parameters
    ----------
    detector, subject, metric
        Which, on what.
    holds
        Whether it holds still, by what it said last; None when it said nothing that was kept.
    words
        For a person.
    level, clear_s
        About where the metric has to be, and for how long; None where that cannot be said by one number.
    """

    detector: str
    subject: str
    metric: str
    holds: bool | None
    words: str
    level: float | None = None
    clear_s: float | None = None

    def told(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)


def conditions(
    context: Context, evidence: Sequence[Evidence], holding: Mapping[tuple[str, str], bool]
) -> list[Condition]:
    """Those of the detectors that spoke; who holds still comes first."""
    rules = {d.name: d for d in context.parameters().detectors}
    found = {
        (e.subject, e.detector): _condition(e, rules, holding.get((e.subject, e.detector)))
        for e in reversed(evidence)
        if e.detector != FORECAST
    }
    first_told_first = list(found.values())[::-1]
    return sorted(first_told_first, key=lambda c: c.holds is False)


def _condition(e: Evidence, rules: Mapping[str, Detector], holds: bool | None) -> Condition:
    who = f"{e.detector} on {named(e.subject)}"
    if (event_ms := holds_ms(e.detector)) is not None:
        until = day_and_time(e.t_ms + event_ms)
        words = f"{who}: holds until {until}, {length(event_ms)} after it was told last"
        return Condition(e.detector, e.subject, e.metric, holds, words)
    if e.metric == "silent_s":
        return Condition(
            e.detector, e.subject, e.metric, holds, f"{who}: when {named(e.subject)} sends again"
        )
    rule = rules.get(e.detector)
    if rule is None:
        return Condition(e.detector, e.subject, e.metric, holds, f"{who}: when it falls silent")
    level, clear_s = _level(e, rule), float(rule.clear_s)
    for_s = f"for {length(round(clear_s * 1000))}" if clear_s else "at once"
    if level is None:
        words = f"{who}: when its score is below {rule.off:g} {for_s} (it fires at {rule.on:g})"
        return Condition(e.detector, e.subject, e.metric, holds, words, None, clear_s)
    below = _is_low(e)
    side = "above" if below else "below"
    words = (
        f"{who}: when {word_of(e.metric)} is {side} about {say(e.metric, level)} {for_s}"
        f" (it fired {'below' if below else 'above'} {say(e.metric, e.threshold)})"
    )
    return Condition(e.detector, e.subject, e.metric, holds, words, level, clear_s)


def _is_low(e: Evidence) -> bool:
    """Whether it fired because the metric was low."""
    usual = e.baseline if e.baseline is not None else e.value
    return usual is not None and e.threshold is not None and (
        e.threshold < usual if e.baseline is not None else usual <= e.threshold
    )  # fmt: skip


def _level(e: Evidence, rule: Detector) -> float | None:
    """Where the score is that of silence, if it goes in proportion from what is usual to the limit.

    It does for shares and differences, and nearly for logarithms of small ones; of what has no usual value it is not known.
    """
    if e.threshold is None or e.baseline is None or rule.on <= 0 or e.threshold == e.baseline:
        return None
    return e.baseline + (e.threshold - e.baseline) * rule.off / rule.on
