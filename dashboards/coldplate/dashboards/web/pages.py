"""The page's files, as they lie in `static/`: read again when they change, asked for again each time."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

TYPES = {
    ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".txt": "text/plain",
    ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}  # fmt: skip
"""Others are not served."""

TEXTS = (".html", ".css", ".js", ".json", ".txt", ".svg", ".webmanifest")
PACKED_BYTES_MIN = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """A file, ready to be sent; `packed` is gzip's form of it where that is worth it."""

    type: str
    charset: str | None
    tag: str
    body: bytes
    packed: bytes | None


class Pages:
    """Files below a folder.

    Parameters
    ----------
    root
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._known: dict[Path, tuple[tuple[int, int], Page]] = {}

    def get(self, name: str) -> Page | None:
        """The file of that name; None when there is none, or it is of a kind that is not served."""
        if "\0" in name:
            return None
        path = (self._root / name).resolve()
        inside = path.is_relative_to(self._root) and path.suffix in TYPES
        if not inside or not path.is_file():
            return None
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = (stamp, _page(path))
        return known[1]


def _page(path: Path) -> Page:
    body = path.read_bytes()
    text = path.suffix in TEXTS
    packed = gzip.compress(body, 9, mtime=0) if text and len(body) >= PACKED_BYTES_MIN else None
    tag = hashlib.sha256(body).hexdigest()[:16]
    return Page(TYPES[path.suffix], "utf-8" if text else None, tag, body, packed)
