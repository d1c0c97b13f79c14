"""`coldplate why`: how an incident came about, what follows from it, and when it would be over."""

from typing import TYPE_CHECKING

import click

from coldplate.console.context import Context, pass_context
from coldplate.console.output import json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coldplate.console.explaining import Explained

LINES_MAX = 12


@click.command()
@click.argument("incident")
@json_option
@pass_context
def why(context: Context, incident: str, as_json: bool) -> None:
    """Say why INCIDENT (its id, or how that begins) is what it is.

    What receivers are told of it, the series that decided, the order in which detectors spoke, what was taken for a
    consequence, how it was renamed, and what would have to be otherwise for it to close. Needs ClickHouse alone.
    """
    from coldplate.console.explaining import explain
    from coldplate.console.querying import Asking

    asking = Asking(context)
    try:
        found = explain(context, asking, incident)
    finally:
        asking.close()
    if as_json:
        print_json(found.told())
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: "Explained") -> list[str]:
    from coldplate.sinks.webhooks.telling.cause import cause_of, name_of

    i, text = found.incident, found.text
    cause = cause_of(i.kind)
    head = [
        text.title, f"{i.id}, {i.state.value}, {i.severity.value}, {i.kind}", "", text.what, "",
        f"where     {text.where}", f"since     {text.since}", f"affected  {text.affected}", f"sure      {text.sure}",
    ]  # fmt: skip
    if found.series is not None:
        head += ["", *found.series.lines(i.opened_ms)]
    out = [*head, *_part("Evidence", text.evidence), *_part("How it came about", _story(found))]
    out += _part("Taken as its consequence", _consequences(found))
    out += _part("Would close", _closing(found))
    out += _part("Do now", [f"{n}. {step}" for n, step in enumerate(text.todo, 1)])
    where = f'runbook docs/runbooks/{name_of(i.kind)}.md, dashboard coldplate-{cause.dashboard} ("{cause.panel}")'
    return [*out, "", where]


def _part(title: str, lines: "Sequence[str]") -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _story(found: "Explained") -> list[str]:
    """First sign, then every change with the seconds since it opened."""
    from coldplate.sinks.webhooks.telling.moment import time_only
    from coldplate.sinks.webhooks.telling.plain import clean, named

    i = found.incident
    out = [
        f"{time_only(i.first_tick_ms)}  {_since(i.first_tick_ms, i.opened_ms):>8}  first tick that showed it"
    ]
    spoke = [s for s in found.seen if s.fired and s.t_ms <= i.opened_ms] or [
        s for s in found.seen if s.fired
    ]
    if spoke:
        first = spoke[0]
        out.append(
            f"{time_only(first.t_ms)}  {_since(first.t_ms, i.opened_ms):>8}  first anomaly: {first.detector} on {named(first.subject)}"
        )
    for step in found.steps:
        renamed = f"; was called {clean(step.renamed)}" if step.renamed else ""
        out.append(
            f"{time_only(step.t_ms)}  {_since(step.t_ms, i.opened_ms):>8}  {step.severity}: {clean(step.why, 400)}{renamed}"
        )
    return out


def _since(t_ms: int, opened_ms: int) -> str:
    return f"{(t_ms - opened_ms) / 1000:+.0f} s"


def _consequences(found: "Explained") -> list[str]:
    from coldplate.console.explaining import consequence_lines

    return consequence_lines(found, LINES_MAX)


def _closing(found: "Explained") -> list[str]:
    from coldplate.console.closing import AFTER
    from coldplate.wire.incident import State

    if found.incident.state is not State.OPEN:
        said = found.steps[-1].why if found.steps else ""
        return [f"it is over: {said}"] if said else []
    word = {True: "holds", False: "silent already", None: "not known whether it holds"}
    told = [f"{c.words} [{word[c.holds]}]" for c in found.would_close_when]
    more = [f"{len(told) - LINES_MAX:,} more"] if len(told) > LINES_MAX else []
    return [f"{AFTER}:", *told[:LINES_MAX], *more]
