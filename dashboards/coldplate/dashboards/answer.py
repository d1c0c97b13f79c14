"""What came back over HTTP, as one line for a person: Grafana's own words, or what a proxy put in their place."""

import html
import json
import re
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

SAID_MAX = 200
WAIT_S_MAX = 30.0

_HINTS = {
    401: "the token or password is not taken",
    403: "it may not do this: dashboards need the role Editor, data sources Admin",
}
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"\s*<(!doctype|html|head|body)", re.IGNORECASE)


def said(status: int, body: bytes) -> str:
    """An answer that is none of success.

    Parameters
    ----------
    status, body
        Of the answer.
    """
    words = _message(body.decode("utf-8", "replace"))
    hint = _HINTS.get(status)
    return f"HTTP {status}: {words or 'without a word'}" + (f" ({hint})" if hint else "")


def redirected(status: int, location: str) -> str:
    """A redirect: a login page, or http that should be https. Only where it leads is told: a query may hold a secret."""
    try:
        to = urlsplit(location)
        where = line(f"{to.scheme}://{to.hostname}{to.path}" if to.hostname else to.path)
    except ValueError:
        where = "somewhere"
    return (
        f"HTTP {status}: leads to {where or 'nowhere'}, and is not followed; give the address at which Grafana itself"
        " answers, not one behind a login page or that leads from http to https"
    )


def wait_s(retry_after: str, now_s: float) -> float | None:
    """What a `Retry-After` asks for, within bounds; None when it is none.

    Parameters
    ----------
    retry_after
        Seconds or a date.
    now_s
        Unix seconds.
    """
    text = retry_after.strip()
    try:
        asked_s = float(text) if text.isdigit() else parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return min(max(asked_s, 0.0), WAIT_S_MAX)


def line(text: str) -> str:
    """One short line that cannot move a terminal's cursor."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= SAID_MAX else f"{plain[: SAID_MAX - 3]}..."


def _message(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _page(text)
    if isinstance(value, dict):
        value = value.get("message") or value.get("error") or ""
    return line(value) if isinstance(value, str) else ""


def _page(text: str) -> str:
    if not _PAGE.match(text):
        return line(text)
    title = _TITLE.search(text)
    named = f" called {line(html.unescape(title[1]))!r}" if title else ""
    return f"a page{named} instead of an answer of Grafana, as a proxy makes it"
