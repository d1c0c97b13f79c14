"""Answers on their way: JSON made and packed, what has not changed left out."""

import gzip
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from coldplate.dashboards.web.moments import plain
from coldplate.dashboards.web.pages import Page
from coldplate.dashboards.web.refusals import Refused
from coldplate.dashboards.web.routes import JSON

PACKED_BYTES_MIN = 1400
"""A packet's worth."""


def encoded(told: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """JSON, and packed where that is worth it; takes its time, so it is done where the call is made."""
    body = msgspec.json.encode(told, enc_hook=plain)
    return body, gzip.compress(body, 1, mtime=0) if len(body) >= PACKED_BYTES_MIN else None


def file(request: web.Request, page: Page | None) -> web.Response:
    """A file of the page.

    Raises
    ------
    Refused
        When there is none.
    """
    if page is None:
        raise Refused(404, "no such file")
    known = unchanged(request, page.tag)
    if known is not None:
        return known
    charset = f"; charset={page.charset}" if page.charset else ""
    headers = {"ETag": f'"{page.tag}"', "Cache-Control": "no-cache"}
    return sent(request, page.body, page.packed, headers, page.type + charset)


def unchanged(request: web.Request, tag: str) -> web.Response | None:
    """That nothing has changed, to who has this one already."""
    known = request.headers.get("If-None-Match", "")
    if tag not in {t.strip().removeprefix("W/").strip('"') for t in known.split(",")}:
        return None
    return web.Response(status=304, headers={"ETag": f'"{tag}"', "Cache-Control": "no-cache"})


def sent(
    request: web.Request, body: bytes, small: bytes | None, headers: Mapping[str, str] | None = None, kind: str = JSON
) -> web.Response:  # fmt: skip
    """A body, packed for who can read that."""
    answer = web.Response(body=body, headers={"Content-Type": kind, **(headers or {})})
    if small is not None:
        answer.headers.add("Vary", "Accept-Encoding")
        if _takes_gzip(request):
            answer.body = small
            answer.headers["Content-Encoding"] = "gzip"
    return answer


def _takes_gzip(request: web.Request) -> bool:
    for part in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0")
    return False
