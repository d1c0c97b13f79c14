"""Of a procedure to a rack's states: a phase that begins, and a certificate, as rows for history."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from coldplate.console.bringup.states import HELD, STATES, WAY
from coldplate.console.commission.books import Row
from coldplate.console.failure import BAD_INPUT, Failure

OF_PHASE = {"hold": "flushed", "rope": "tight", "idle": "powered"}
"""State of a rack while a phase lasts: it is closed off once it is flushed, held its pressure, or has power. All that is
under load is burning in."""

BURNING, ACCEPTED = WAY[-2], WAY[-1]


def of_phase(rack: str, phase: str, gpus: int, who: str, t_ms: int) -> Row:
    """A phase begins."""
    return Row(rack, t_ms, OF_PHASE.get(phase, BURNING), phase, gpus=gpus, who=who)


def of_certificate(told: Mapping[str, Any], text: str) -> Row:
    """An acceptance is over.

    Parameters
    ----------
    told
        The certificate's body.
    text
        Its file.
    """
    findings, state = told["findings"], HELD if told["verdict"] == HELD else ACCEPTED
    cause = str(findings[0]["cause"]) if findings else ""
    return Row(
        str(told["rack"]), ended_ms(told), state, _step_of(told["steps"], cause) if state == HELD else "", cause,
        str(told["verdict"]), tuple(told["held"]), len(told["gpus"]), str(told["made_by"]), text,
    )  # fmt: skip


def of_text(text: str) -> Row:
    """Of a certificate's file, which is known to be genuine."""
    return of_certificate(json.loads(text)["certificate"], text)


def by_hand(rack: str, state: str, cause: str, gpus: int, who: str, t_ms: int) -> Row:
    """What a person says.

    Raises
    ------
    Failure
        There is no such state, or a held rack has no cause.
    """
    if state not in STATES:
        raise Failure(f"no state is called {state!r}; there are {', '.join(STATES)}", BAD_INPUT)
    if state == HELD and not cause:
        raise Failure("say with --cause why it is held", BAD_INPUT)
    return Row(rack, t_ms, state, cause=cause, gpus=gpus, who=who)


def ended_ms(told: Mapping[str, Any]) -> int:
    """When an acceptance was over, Unix milliseconds."""
    return round(datetime.fromisoformat(str(told["ended_at"])).timestamp() * 1000)


def _step_of(steps: Sequence[Mapping[str, Any]], cause: str) -> str:
    """The first step that found a cause."""
    return next(
        (str(s["name"]) for s in steps if any(f["cause"] == cause for f in s["findings"])), ""
    )
