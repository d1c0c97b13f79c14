"""Writes down that racks came to a state, by a person's word or a system's: what no telemetry can tell."""

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from coldplate.console.acting import person
from coldplate.console.asking import history_errors
from coldplate.console.bringup.history import AHEAD_MS
from coldplate.console.bringup.states import STATES, TRAINING, WAY
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.moments import moment
from coldplate.sinks.client import Client

TABLE = "commissions"
AFTER = (WAY[-1], TRAINING)
"""States of racks that an acceptance has accepted: it says which GPUs are held back."""

_RACKS = "SELECT rack, countIf(kind = 'gpu') FROM inventory FINAL WHERE kind IN ('rack', 'gpu') AND rack != '' GROUP BY rack"
_ACCEPTED = """
SELECT rack, argMax(tuple(verdict, held, gpus), t) FROM commissions
WHERE state = 'accepted' AND rack IN %(racks)s GROUP BY rack
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A rack came to a state.

    Parameters
    ----------
    rack, state, cause, who
        As table `commissions` has them.
    t_ms
        When.
    where
        For messages: the line that says so.
    """

    rack: str
    state: str
    cause: str
    who: str
    t_ms: int
    where: str = ""


def of_words(words: Sequence[str], cause: str, who: str | None, at: str | None) -> list[Told]:
    """Of `RACK... STATE`.

    Raises
    ------
    Failure
        The last word is no state, or no rack stands before it.
    """
    *racks, state = words or ("",)
    if not racks:
        raise Failure("name racks and a state: `coldplate board set rack-0003 cabled`, or --file F.csv", BAD_INPUT)  # fmt: skip
    t_ms = _at(at, "--at")
    return [_told(rack, state, cause, person(who), t_ms, "") for rack in racks]


def of_file(path: Path, cause: str, who: str | None, at: str | None) -> list[Told]:
    """Of a CSV with the columns rack and state, and, where wanted, cause, who and at; the options fill what is empty.

    Raises
    ------
    Failure
        With the line that is wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = set(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"--file {path}: {error}", BAD_INPUT) from None
    if not {"rack", "state"} <= names or names - {"rack", "state", "cause", "who", "at"}:
        raise Failure(f"--file {path}: its columns are {', '.join(sorted(map(str, names))) or 'none'}; expected rack, state and, where wanted, cause, who, at", BAD_INPUT)  # fmt: skip
    out = []
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise Failure(f"--file {path} line {line}: not as many fields as the head has", BAD_INPUT)  # fmt: skip
        told: Mapping[str, str] = {k: v.strip() for k, v in row.items()}
        where = f"--file {path} line {line}: "
        t_ms = _at(told.get("at") or at, f"{where}at")
        who_of = person(told.get("who") or who)
        out.append(_told(told["rack"], told["state"], told.get("cause") or cause, who_of, t_ms, where))  # fmt: skip
    if not out:
        raise Failure(f"--file {path}: no rack stands in it", BAD_INPUT)
    return out


def write(context: Context, changes: Sequence[Told]) -> None:
    """Write all of it down, or nothing.

    Raises
    ------
    Failure
        A rack is not known, or was never accepted and is said to be; the history cannot be reached.
    """
    with history_errors(), Client(context.clickhouse("writer")) as client:
        known = {str(rack): int(gpus) for rack, gpus in client.execute(_RACKS)}
        racks = sorted({c.rack for c in changes if c.state in AFTER})
        rows = client.execute(_ACCEPTED, {"racks": racks}) if racks else []
        accepted = {str(rack): told for rack, told in rows}
        for change in changes:
            _check(change, known, accepted)
        client.insert(TABLE, _columns(changes, known, accepted), None)


def _check(change: Told, known: Mapping[str, int], accepted: Mapping[str, Any]) -> None:
    if change.rack not in known:
        near = get_close_matches(change.rack, known, 3, 0.5)
        hint = f"near are {', '.join(near)}" if near else "the inventory is empty: `coldplate migrate --inventory FILE`" if not known else f"there are {', '.join(sorted(known)[:3])}, ..."  # fmt: skip
        raise Failure(f"{change.where}no rack is called {change.rack!r}; {hint}", BAD_INPUT)
    if change.state in AFTER and change.rack not in accepted:
        raise Failure(f"{change.where}{change.rack} was never accepted: `coldplate commission {change.rack}` accepts it", BAD_INPUT)  # fmt: skip


def _columns(
    changes: Sequence[Told], known: Mapping[str, int], accepted: Mapping[str, Any]
) -> dict[str, list[Any]]:
    given = [accepted[c.rack] if c.state in AFTER else ("", [], known[c.rack]) for c in changes]
    return {
        "rack": [c.rack for c in changes], "t": [c.t_ms for c in changes], "state": [c.state for c in changes],
        "step": [""] * len(changes), "cause": [c.cause for c in changes], "verdict": [str(v) for v, _, _ in given],
        "held": [list(h) for _, h, _ in given], "gpus": [int(n) for _, _, n in given], "who": [c.who for c in changes],
        "certificate": [""] * len(changes),
    }  # fmt: skip


def _told(rack: str, state: str, cause: str, who: str, t_ms: int, where: str) -> Told:
    if state not in STATES:
        near = get_close_matches(state, STATES, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise Failure(f"{where}no state is called {state!r}; {hint}there are {', '.join(STATES)}", BAD_INPUT)  # fmt: skip
    if not rack:
        raise Failure(f"{where}no rack is named", BAD_INPUT)
    return Told(rack, state, cause, who, t_ms, where)


def _at(text: str | None, option: str) -> int:
    now_ms = time.time_ns() // 1_000_000
    if text is None:
        return now_ms
    t_ms = round(moment(text, option).timestamp() * 1000)
    if t_ms > now_ms + AHEAD_MS:
        raise Failure(f"{option} {text!r} is in the future; times without an offset are UTC", BAD_INPUT)  # fmt: skip
    return t_ms
