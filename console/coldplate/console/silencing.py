"""Makes silences of what a person typed, and finds them again."""

import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec

from coldplate.console.asking import ask
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.moments import lasting_s, moment
from coldplate.sinks.webhooks.matching import SilenceError, check
from coldplate.sinks.webhooks.stopped import SUBJECT as PIPELINE
from coldplate.sinks.webhooks.windows import Window, WindowError
from coldplate.wire.silence import Silence

PREFIX_MIN = 4
YEAR_S = 365 * 86_400.0
"""How long a silence that recurs goes on when nobody says."""

_SQL = """
SELECT
    argMaxIf(silence, (t, id), verb = 'silence') AS made, argMax(verb, (t, id)) = 'unsilence' AS ended,
    argMax(who, (t, id)) AS last_who, max(t) AS last_t, silence_id
FROM actions
WHERE verb IN ('silence', 'unsilence') AND startsWith(silence_id, %(id)s)
GROUP BY silence_id
HAVING made != ''
ORDER BY min(t) DESC
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A silence as it was typed; see `coldplate silence add --help`."""

    subject: str
    kind: str
    labels: Sequence[str]
    lasting: str | None
    until: str | None
    begin: str
    cron: str
    zone: str
    reason: str


@dataclass(frozen=True, slots=True)
class Made:
    """A silence that there is or was.

    Parameters
    ----------
    silence
        As made last.
    ended_by, ended_at
        Who ended it before its time; "" and None for nobody.
    """

    silence: Silence
    ended_by: str = ""
    ended_at: datetime | None = None

    def state(self, now_ms: int) -> str:
        """`holds`, `waits` for its begin or next window, `ended`, `past`, or `never holds` as its window is none."""
        if self.ended_by:
            return "ended"
        if now_ms >= self.silence.until_ms:
            return "past"
        try:
            return "holds" if Window(self.silence).holds(now_ms) else "waits"
        except WindowError:
            # Who made it did not ask this program.
            return "never holds"


def silence_of(context: Context, asked: Asked, who: str) -> Silence:
    """The silence that was asked for, checked.

    Raises
    ------
    Failure
        It makes no sense; the message says why.
    """
    now_ms = time.time_ns() // 1_000_000
    begin = moment(asked.begin, "--from")
    for_s = lasting_s(asked.lasting, "--for") if asked.lasting else 0.0
    if asked.until:
        if for_s and not asked.cron:
            raise Failure("--for and --until say the same twice: give one of them", BAD_INPUT)
        end_s = moment(asked.until, "--until").timestamp()
    elif asked.cron:
        end_s = begin.timestamp() + YEAR_S
    elif for_s:
        end_s = begin.timestamp() + for_s
    else:
        raise Failure("say how long: --for 2h, or --until a time", BAD_INPUT)
    if asked.cron and not for_s:
        raise Failure("--cron says when windows begin; say with --for how long each lasts", BAD_INPUT)  # fmt: skip
    silence = Silence(
        secrets.token_hex(4), asked.reason, who, round(begin.timestamp() * 1000), round(end_s * 1000),
        subject=asked.subject, kind=asked.kind, labels=dict(_label(text) for text in asked.labels),
        cron=asked.cron, for_s=for_s if asked.cron else 0.0, zone=asked.zone,
    )  # fmt: skip
    try:
        check(silence, now_ms, known_ids(context) if asked.subject else None)
    except SilenceError as error:
        raise Failure(f"no such silence: {error}", BAD_INPUT) from None
    return silence


def planned(cluster: str, subject: str, since_ms: int, until_ms: int, text: str, who: str) -> Silence:  # fmt: skip
    """The silence of planned work: made again for the same begin it replaces the former one."""
    id_ = sha256(f"{cluster}\n{subject}\n{since_ms}".encode()).hexdigest()[:8]
    reason = text or "planned work"
    return Silence(id_, reason, who, since_ms, until_ms, subject=subject, planned=True)


def known_ids(context: Context) -> Collection[str] | None:
    """Ids of the configuration's inventory, or of the history's, and the pipeline; None where neither can be asked."""
    inventory = context.inventory()
    if inventory is not None:
        return {*inventory.devices, PIPELINE}
    try:
        _, rows = ask(context, "SELECT DISTINCT id FROM inventory")
    except Failure:
        return None
    return {*(str(id_) for (id_,) in rows), PIPELINE} if rows else None


def silences(context: Context, prefix: str = "") -> list[Made]:
    """All that were ever made, the newest first."""
    _, rows = ask(context, _SQL, {"id": prefix})
    out = []
    for made, ended, who, at, _ in rows:
        silence = msgspec.json.decode(made, type=Silence)
        out.append(Made(silence, str(who) if ended else "", at if ended else None))
    return out


def found(context: Context, prefix: str) -> Made:
    """The one silence whose id begins so.

    Raises
    ------
    Failure
        None does, or several.
    """
    if len(prefix) < PREFIX_MIN:
        raise Failure(f"{prefix!r} is short: write at least the first {PREFIX_MIN} of its id", BAD_INPUT)  # fmt: skip
    some = silences(context, prefix)
    if len(some) == 1:
        return some[0]
    if not some:
        raise Failure(
            f"no silence's id begins with {prefix!r}; `coldplate silence list --all` lists them",
            BAD_INPUT,
        )
    several = ", ".join(m.silence.id for m in some[:5])
    raise Failure(f"{prefix!r} may be {several}: write more of it", BAD_INPUT)


def row_of(made: Made, now_ms: int) -> dict[str, Any]:
    """A silence as lists and JSON have it."""
    s = made.silence
    return {
        "id": s.id, "state": made.state(now_ms), "subject": s.subject, "kind": s.kind,
        "labels": dict(s.labels), "from": at(s.from_ms), "until": at(s.until_ms), "cron": s.cron,
        "for_s": s.for_s, "zone": s.zone, "planned": s.planned, "who": s.who, "reason": s.reason,
        "ended_by": made.ended_by, "ended_at": made.ended_at,
    }  # fmt: skip


def about(silence: Silence) -> str:
    """What it keeps back, on one line."""
    parts = [silence.subject, silence.kind, *(f"{k}={v}" for k, v in silence.labels.items())]
    return " and ".join(p for p in parts if p)


def times(silence: Silence) -> str:
    """When it holds, on one line."""
    spans = f"from {at(silence.from_ms):%Y-%m-%d %H:%M} to {at(silence.until_ms):%Y-%m-%d %H:%M} UTC"  # fmt: skip
    if not silence.cron:
        return spans
    return f"{spans}, {silence.for_s:g} s from each {silence.cron!r} in {silence.zone}"


def at(t_ms: int) -> datetime:
    """Unix milliseconds as a time."""
    return datetime.fromtimestamp(t_ms / 1000, UTC)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Failure(f"--label {text!r}: expected as name=value, such as row=row-2", BAD_INPUT)
    return name.strip(), value.strip()
