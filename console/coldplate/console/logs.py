"""Logs on stderr: a line for a person, or one JSON object a record for whoever collects them."""

import json
import logging
import sys
import time
from typing import Any

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
TEXT_MAX = 4000
"""Characters of a message or a traceback; what is longer is cut, and says so."""


class JsonLines(logging.Formatter):
    """One object a line: `t` (RFC 3339, UTC), `level`, `logger`, `event`, `message`, and `error` with a traceback.

    `event` is the message before its values are put in: it takes few values, so that records can be counted by it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """As one line."""
        t = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        out: dict[str, Any] = {
            "t": f"{t}.{int(record.msecs):03d}Z", "level": record.levelname.lower(), "logger": record.name,
            "event": _cut(str(record.msg)), "message": _cut(record.getMessage()),
        }  # fmt: skip
        if record.exc_info:
            out["error"] = _cut(self.formatException(record.exc_info))
        return json.dumps(out, ensure_ascii=False)


def set_up(form: str, level: int) -> None:
    """Log to stderr from now on.

    Parameters
    ----------
    form
        `text` or `json`.
    level
        Of `logging`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(LINE))
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]} ({len(text) - TEXT_MAX} more)"
