"""A scheduler's table of jobs, read and checked whole before anything is stored."""

import csv
import time
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from coldplate.agents.jobs.owner import job_number
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.moments import moment

COLUMNS = ("job", "user", "on", "start", "end")


def read_jobs(path: Path, gpus_of: dict[str, list[str]]) -> dict[str, list[Any]]:
    """Columns of `job_spans`, a row a GPU and job.

    Parameters
    ----------
    path
        CSV with `job`, `user`, `on` (ids of GPUs, nodes or racks, with blanks between), `start`, `end` (empty: it runs).
    gpus_of
        GPUs by the id of what they sit in, themselves included.

    Raises
    ------
    Failure
        With file and line; nothing of the file is used then.
    """
    out: dict[str, list[Any]] = {n: [] for n in (
        "gpu", "job", "since", "until", "number", "user", "shared", "source", "told",
    )}  # fmt: skip
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [c for c in ("job", "on", "start") if c not in (reader.fieldnames or ())]:
                raise Failure(
                    f"{path}: line 1: no column {', '.join(missing)}; there are to be {', '.join(COLUMNS)}",
                    BAD_INPUT,
                )
            for row in reader:
                _take(row, f"{path}: line {reader.line_num}", gpus_of, out)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failure(f"{path}: {error}", BAD_INPUT) from None
    return out


def _take(
    row: dict[str, Any], where: str, gpus_of: dict[str, list[str]], out: dict[str, list[Any]]
) -> None:
    job, user = (row["job"] or "").strip(), (row.get("user") or "").strip()
    if not job or None in row:
        raise Failure(f"{where}: no job, or more fields than columns", BAD_INPUT)
    since, until = _times(row, where)
    for name in (row["on"] or "").split():
        if name not in gpus_of:
            near = get_close_matches(name, gpus_of, 3, 0.6)
            hint = f"; near are {', '.join(near)}" if near else ""
            raise Failure(f"{where}: the inventory has no {name!r}{hint}", BAD_INPUT)
        for gpu in gpus_of[name]:
            line = {
                "gpu": gpu, "job": job, "since": _ms(since), "until": None if until is None else _ms(until),
                "number": job_number(job), "user": user, "shared": True, "source": "import",
                "told": 0 if until is None else _ms(until),
            }  # fmt: skip
            for column, value in line.items():
                out[column].append(value)


def _times(row: dict[str, Any], where: str) -> tuple[datetime, datetime | None]:
    since = moment(row["start"] or "", f"{where}: start")
    text = (row.get("end") or "").strip()
    until = moment(text, f"{where}: end") if text else None
    if until is not None and until <= since:
        raise Failure(f"{where}: end {text!r} is not after start {row['start']!r}", BAD_INPUT)
    if since.timestamp() > time.time():
        raise Failure(
            f"{where}: start {row['start']!r} is in the future; times without an offset are UTC",
            BAD_INPUT,
        )
    return since, until


def _ms(t: datetime) -> int:
    return round(t.timestamp() * 1000)
