"""How errors are told: JSON with what and what to do; readable words for who opened a page."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from coldplate.dashboards.web.pool import Busy, TooSlow
from coldplate.dashboards.web.ports import Away, NotThen, NotThere

log = logging.getLogger(__name__)


class Refused(Exception):  # noqa: N818  an answer
    """An answer that is no.

    Parameters
    ----------
    status
        Of HTTP.
    error, hint
        What is wrong, and what to do.
    headers
        That belong to it.
    """

    def __init__(
        self, status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, headers or {}


HINTS = {
    404: "see /api/openapi.json for what there is",
    405: "see the header Allow",
    413: "nothing here takes so much",
}


def refused(error: Exception) -> Refused:
    """The answer to what was raised; what nobody expected is logged and not told."""
    found = Refused(500, "this failed", "the server's log says why")
    match error:
        case Refused():
            found = error
        case NotThen():
            found = Refused(404, str(error), "ask for a moment that is kept, or for one of what is shown of it")  # fmt: skip
        case NotThere():
            found = Refused(404, str(error), "look the id up in /api/hall or /api/floor")
        case Away():
            hint = "try again; the history is asked each time"
            found = Refused(503, str(error), hint, {"Retry-After": "2"})
        case TooSlow():
            found = Refused(503, str(error), "try again, or ask for less", {"Retry-After": "5"})
        case Busy():
            found = Refused(429, str(error), "try again", {"Retry-After": "1"})
        case web.HTTPException():
            headers = {n: v for n, v in error.headers.items() if n in ("Allow", "Location")}
            found = Refused(error.status, error.reason, HINTS.get(error.status, ""), headers)
        case _:
            log.error("a request failed", exc_info=error)
    return found


def answer(refusal: Refused, request: web.BaseRequest) -> web.Response:
    """As who asked can read it."""
    page = not request.path.startswith("/api/")
    if page and "text/html" in request.headers.get("Accept", ""):
        phrase = HTTPStatus(refusal.status).phrase
        return web.Response(
            status=refusal.status, headers=refusal.headers, content_type="text/plain", charset="utf-8",
            text=f"{refusal.status} {phrase}\n\n{refusal.error}\n{refusal.hint}\n",
        )  # fmt: skip
    body = msgspec.json.encode({"error": refusal.error, "hint": refusal.hint})
    return web.Response(
        status=refusal.status, headers=refusal.headers, body=body, content_type="application/json"
    )
