"""A rack's certificates so far: in history, and in the folder of `--keep` where history has none."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldplate.console.commission.certificate import verify
from coldplate.console.failure import Failure
from coldplate.console.querying import Asking

CERTIFICATE = ".cert.json"

_SQL = """
SELECT certificate FROM certificates WHERE rack = %(rack)s AND t < fromUnixTimestamp64Milli(toInt64(%(before)s))
ORDER BY t DESC LIMIT %(most)s
"""

FOR_EVER_MS = 4_000_000_000_000


def path_of(keep: Path, rack: str) -> Path:
    """Of a rack's newest certificate; ids may hold slashes."""
    return keep / f"{rack.replace('/', '_')}{CERTIFICATE}"


def put_aside(path: Path) -> None:
    """A certificate that is there is kept under the time when it ended, so that the next one does not take its place.

    Raises
    ------
    OSError
    """
    try:
        ended = str(json.loads(path.read_bytes())["certificate"]["ended_at"])
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError):
        ended = "none"
    stem = path.name.removesuffix(CERTIFICATE).removesuffix(".json")
    at = "".join(c for c in ended[:19] if c.isalnum() or c == "-")
    path.replace(path.with_name(f"{stem}.cert.{at}.json"))


def newest(asking: Asking, rack: str, most: int = 1, before_ms: int = FOR_EVER_MS) -> list[dict[str, Any]]:  # fmt: skip
    """Bodies of a rack's certificates in history that ended before a time, the newest first.

    Raises
    ------
    Failure
        History cannot be asked.
    """
    rows = asking.query(_SQL, {"rack": rack, "before": before_ms, "most": most}).rows
    return [json.loads(text)["certificate"] for (text,) in rows]


def earlier(asking: Asking, rack: str, path: Path, before_ms: int) -> Mapping[str, Any] | None:
    """The rack's certificate before this one: history's, otherwise the file that is there and genuine; None without."""
    try:
        if found := newest(asking, rack, before_ms=before_ms):
            return found[0]
    except Failure:
        # Without it there is nothing to set beside, which stops no acceptance.
        pass
    try:
        told = verify(path)
    except Failure:
        return None
    return told if told["rack"] == rack else None
