"""Parameters of requests: what may stand in them, read and documented by one description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from coldplate.dashboards.web.channels import CHANNELS
from coldplate.dashboards.web.limits import (
    ID_CHARACTERS_MAX,
    INCIDENTS_MAX,
    SPAN_S_MAX,
    STEP_MS_MAX,
    STEPS_MAX,
)
from coldplate.dashboards.web.refusals import Refused
from coldplate.dashboards.web.wishes import AT_MS_MAX

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a request.

    Parameters
    ----------
    name, place
        Where it stands.
    meaning
        For people.
    schema
        JSON Schema.
    read
        From text to value; ValueError says what it must be.
    default
        When it is left out.
    example
        A value that works.
    """

    name: str
    place: Literal["path", "query"]
    meaning: str
    schema: Schema
    read: Callable[[str], Any]
    default: Any = None
    example: Any = None


def read_all(
    parameters: tuple[Parameter, ...],
    path: Mapping[str, str],
    given: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """Values by name.

    Parameters
    ----------
    parameters
        That there may be.
    path
        What stands there.
    given
        Names and values of the query, repeated ones too.

    Raises
    ------
    Refused
        For what cannot be read, is unknown or stands there twice.
    """
    known = {p.name: p for p in parameters if p.place == "query"}
    query: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise Refused(400, f"no parameter {name[:40]!r}", f"parameters here: {allowed}")
        if name in query:
            raise Refused(400, f"{name} stands there twice", "give it once")
        query[name] = value
    found = {}
    for p in parameters:
        text = (path if p.place == "path" else query).get(p.name)
        try:
            found[p.name] = p.default if text is None else p.read(text)
        except ValueError as error:
            raise Refused(
                400, f"{p.name}: {text[:100] if text else text!r}", f"must be {error}"
            ) from error
    return found


def _id(text: str) -> str:
    if not text or len(text) > ID_CHARACTERS_MAX or not text.isprintable():
        raise ValueError(f"1 to {ID_CHARACTERS_MAX} characters that can be printed")
    return text


def _moment(text: str) -> int:
    """RFC 3339, or Unix milliseconds.

    Examples
    --------
    >>> _moment("2026-11-20T10:00:00Z"), _moment("1500")
    (1795168800000, 1500)
    """
    said = "a time as 2026-11-20T10:00:00Z or 2026-11-20T10:00:00+01:00, or Unix milliseconds"
    if text.isascii() and text.isdigit():
        at_ms = int(text) if len(text) <= 15 else AT_MS_MAX + 1
    else:
        # A `+` in a query that was not encoded comes as a space.
        try:
            at = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError:
            raise ValueError(said) from None
        if at.tzinfo is None or text[10:11] not in ("T", "t"):
            raise ValueError(f"{said}; with its offset from UTC")
        at_ms = round(at.timestamp() * 1000)
    if not 0 <= at_ms <= AT_MS_MAX:
        raise ValueError(said)
    return at_ms


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= 12
        if not digits or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return text

    return read


_AT: Schema = {
    "oneOf": [
        {"type": "string", "format": "date-time"},
        {"type": "integer", "minimum": 0, "maximum": AT_MS_MAX},
    ]
}
_STATES = ("open", "closed", "all")
_CHANNELS = tuple(c.name for c in CHANNELS)


def _named(name: str, meaning: str, example: str) -> Parameter:
    schema = {"type": "string", "minLength": 1, "maxLength": ID_CHARACTERS_MAX}
    return Parameter(name, "path", meaning, schema, _id, example=example)


def _time(name: str, meaning: str, example: Any = None) -> Parameter:
    return Parameter(name, "query", meaning, _AT, _moment, example=example)


def _number(name: str, meaning: str, low: int, high: int, default: int) -> Parameter:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Parameter(name, "query", meaning, schema, _whole(low, high), default, default)


def _choice(name: str, meaning: str, names: tuple[str, ...], default: str) -> Parameter:
    schema = {"type": "string", "enum": list(names), "default": default}
    return Parameter(name, "query", meaning, schema, _one_of(*names), default, default)


RACK = _named("rack", "Id of a rack; a `/` in it may be sent as it is or as `%2F`", "rack-0001")
GPU = _named("gpu", "Id of a GPU; a `/` in it may be sent as it is or as `%2F`", "rack-0001/n0/g0")
INCIDENT = _named("incident", "Id of an incident", "i-1")
AT = _time("at", "The moment; now when left out")
AT_PAST = _time("at", "The moment; now when left out", 1_700_000_000_000)
BEGIN = _time("from", "Begin; an hour before the end when left out")
END = _time("to", "End; now when left out")
STEPS = _number(
    "steps", f"Into how many steps the span is cut; it is at most {SPAN_S_MAX // 86_400} days", 1, STEPS_MAX, 600
)  # fmt: skip
STATE = _choice("state", "Which incidents", _STATES, "open")
LIMIT = _number("limit", "How many at most", 1, INCIDENTS_MAX, 100)
CHANNEL = _choice("channel", "What is to be shown", _CHANNELS, "margin")
STEP_MS = _number(
    "step_ms", "How far apart the pictures of this replay are: of rollups no longer than that", 1, STEP_MS_MAX, 1000
)  # fmt: skip


def span_of(asked: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """Begin and end of a query.

    Raises
    ------
    Refused
    """
    end_ms = now_ms if asked["to"] is None else asked["to"]
    begin_ms = max(0, end_ms - 3_600_000) if asked["from"] is None else asked["from"]
    if begin_ms >= end_ms:
        raise Refused(400, "from is not before to", "give a span of at least a millisecond")
    if end_ms - begin_ms > SPAN_S_MAX * 1000:
        days = (end_ms - begin_ms) / 86_400_000
        raise Refused(400, f"{days:.0f} days", f"a span is at most {SPAN_S_MAX // 86_400} days")
    return begin_ms, end_ms
