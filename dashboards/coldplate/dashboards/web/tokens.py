"""The token that lets people in, and the sessions that its login form begins.

A session's cookie is a number, its end, and a signature with a key made from the token: it survives a restart of the
server, holds nothing of the token, and is worth nothing once the token is another.
"""

import hashlib
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from coldplate.dashboards.web.options import TOKEN_CHARACTERS_MIN, OptionsError

log = logging.getLogger(__name__)

SESSION_S = 7 * 86_400
ENDED_MAX = 10_000
"""Sessions that were ended before their time and are remembered for it, the oldest forgotten first."""

LOOK_S = 1.0
"""How often the file is looked at."""


class Token:
    """A token in a file.

    Parameters
    ----------
    path
        Of the file; white space around the token does not count.
    clock
        Unix seconds.
    look_s
        See `LOOK_S`.

    Raises
    ------
    OptionsError
        When there is none, or a short one.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, look_s: float = LOOK_S
    ) -> None:
        self._path, self._clock, self._look_s = path, clock, look_s
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._looked_s = 0.0
        self._stamp = self._stamped()
        self._digest, self._key = _read(path)
        self._told = False

    def is_it(self, offered: str) -> bool:
        """Compared in constant time."""
        self._refresh()
        return hmac.compare_digest(_digest(offered), self._digest)

    def begin(self) -> str:
        """A session's cookie."""
        self._refresh()
        what = f"{secrets.token_urlsafe(16)}.{int(self._clock()) + SESSION_S}"
        return f"{what}.{self._signed(what)}"

    def holds(self, cookie: str) -> bool:
        """Whether a session is still one."""
        self._refresh()
        what, _, signature = cookie.rpartition(".")
        number, _, end = what.rpartition(".")
        # Signed first: nothing of a cookie is looked at before it is known to be ours.
        genuine = hmac.compare_digest(_bytes(signature), _bytes(self._signed(what)))
        return genuine and self._clock() < int(end) and number not in self._ended

    def end(self, cookie: str) -> None:
        """Before its time."""
        if self.holds(cookie):
            self._ended[cookie.partition(".")[0]] = None
            while len(self._ended) > ENDED_MAX:
                self._ended.popitem(last=False)

    def _signed(self, what: str) -> str:
        return hmac.new(self._key, _bytes(what), hashlib.sha256).hexdigest()

    def _refresh(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < self._look_s:
            return
        self._looked_s = now_s
        try:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._digest, self._key = _read(self._path)
                self._stamp, self._told = stamp, False
                log.info("token read again, sessions of the old one ended")
        except OptionsError as error:
            if not self._told:
                log.warning("%s; the old token stays", error)
            self._told = True

    def _stamped(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise _unread(self._path, error) from error
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _read(path: Path) -> tuple[bytes, bytes]:
    """Digest for comparing, key for signing; the token itself is not kept."""
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise _unread(path, error) from error
    if len(token) < TOKEN_CHARACTERS_MIN or not token.isprintable() or " " in token:
        raise OptionsError(
            f"web.token_file: {path} must hold one line of at least {TOKEN_CHARACTERS_MIN} characters without spaces, "
            "e.g. from `openssl rand -hex 32`"
        )
    return _digest(token), hmac.new(
        token.encode(), b"coldplate web session", hashlib.sha256
    ).digest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(_bytes(token)).digest()


def _bytes(text: str) -> bytes:
    """Of whatever came in a header, even what is no text."""
    return text.encode("utf-8", "surrogatepass")


def _unread(path: Path, error: Exception) -> OptionsError:
    why = error.strerror if isinstance(error, OSError) else "not UTF-8"
    return OptionsError(f"web.token_file: {path} cannot be read: {why}")
