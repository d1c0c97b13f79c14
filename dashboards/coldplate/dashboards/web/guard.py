"""Who may look: the token, a proxy that has asked already, or whoever is on this machine.

A page elsewhere must not read the hall through somebody's browser: the name under which the server is reached is checked
(a name can be made to point anywhere), and for what changes or streams something the page that it comes from.
"""

import asyncio
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from coldplate.dashboards.web.attempts import Attempts
from coldplate.dashboards.web.counts import Counts
from coldplate.dashboards.web.options import Options, is_loopback, networks
from coldplate.dashboards.web.refusals import Refused
from coldplate.dashboards.web.tokens import SESSION_S, Token

COOKIE = "coldplate_session"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "coldplate",
}
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


class Guard:
    """Judges requests.

    Parameters
    ----------
    options
        Of the server.
    token
        None without one.
    counts
        To count refusals in.
    """

    def __init__(self, options: Options, token: Token | None, counts: Counts) -> None:
        self._token, self._counts = token, counts
        self._header, self._proxies = options.proxy_header, networks(options)
        self._names = {
            "localhost",
            *(h.lower().rstrip(".") for h in options.hosts),
            options.address.lower(),
        }
        self._hosts = {h.lower().rstrip(".") for h in options.hosts}
        self._attempts = Attempts()

    @property
    def has_form(self) -> bool:
        """Whether one can log in at /login."""
        return self._token is not None

    def check_host(self, request: web.BaseRequest) -> None:
        """The name it was reached by is one of ours.

        Raises
        ------
        Refused
        """
        name, _ = _authority(request.headers.get("Host", ""))
        if name in self._names or _is_own_address(name, request):
            return
        self._counts.refused["host"] += 1
        raise Refused(
            403, f"not reached as {name[:100]!r}",
            "use an address of this server, or name it in web.hosts",
        )  # fmt: skip

    def check_origin(self, request: web.BaseRequest) -> None:
        """The page that it comes from is ours; programs say none.

        Raises
        ------
        Refused
        """
        origin = request.headers.get("Origin")
        if origin is None:
            return
        host = _authority(request.headers.get("Host", ""))
        scheme, _, rest = origin.partition("://")
        name, port = _authority(rest)
        default = {"http": 80, "https": 443}.get(scheme)
        same = (name, port or default) == (host[0], host[1] or default)
        if name and (same or (name in self._hosts and port in {None, default, host[1]})):
            return
        self._counts.refused["origin"] += 1
        raise Refused(403, f"not from {origin[:100]!r}", "open the page from this server")

    async def check(self, request: web.BaseRequest) -> None:
        """May look.

        Raises
        ------
        Refused
        """
        if self.may_look(request):
            return
        offered = _bearer(request)
        if offered is not None:
            await self._wrong(request)
        raise Refused(
            401, "not logged in", "send the header Authorization: Bearer TOKEN, or log in at /login",
            {"WWW-Authenticate": 'Bearer realm="coldplate"'},
        )  # fmt: skip

    def may_look(self, request: web.BaseRequest) -> bool:
        """Without counting what was wrong; a client that must wait may not."""
        if self._token is None and not self._header:
            return True
        if (
            self._header
            and self._from_proxy(request)
            and request.headers.get(self._header, "").strip()
        ):
            return True
        if self._token is None:
            return False
        if self._token.holds(request.cookies.get(COOKIE, "")):
            return True
        offered = _bearer(request)
        waits = self._attempts.wait_s(request.remote or "") > 0
        return offered is not None and not waits and self._token.is_it(offered)

    def may_read_metrics(self, request: web.BaseRequest) -> bool:
        """This machine's own programs may, unless somebody else speaks through them."""
        near = is_loopback(request.remote or "") and not self._from_proxy(request)
        return (near and not any(h in request.headers for h in FORWARDED)) or self.may_look(request)

    async def log_in(self, request: web.BaseRequest, offered: str) -> web.Response:
        """Begin a session, or raise.

        Raises
        ------
        Refused
        """
        answer = web.Response(status=303, headers={"Location": "./"})
        if self._token is None:
            return answer
        if self._attempts.wait_s(request.remote or "") > 0 or not self._token.is_it(offered):
            await self._wrong(request)
            raise Refused(401, "wrong token", "it stands in the file that web.token_file names")
        secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
        answer.set_cookie(
            COOKIE, self._token.begin(), max_age=SESSION_S, httponly=True, samesite="Strict", secure=secure, path="/",
        )  # fmt: skip
        return answer

    def log_out(self, request: web.BaseRequest) -> web.Response:
        """End the session, if there is one."""
        if self._token is not None:
            self._token.end(request.cookies.get(COOKIE, ""))
        answer = web.Response(status=303, headers={"Location": "login"})
        answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return answer

    async def _wrong(self, request: web.BaseRequest) -> None:
        """Count a wrong token and let it wait; a client that has sent too many is told so."""
        self._counts.refused["token"] += 1
        who = request.remote or ""
        wait_s = self._attempts.wait_s(who)
        if wait_s > 0:
            raise Refused(
                429, "too many wrong tokens", f"wait {wait_s:.0f} s",
                {"Retry-After": str(int(wait_s) + 1)},
            )  # fmt: skip
        await asyncio.sleep(self._attempts.wrong(who))

    def _from_proxy(self, request: web.BaseRequest) -> bool:
        try:
            remote = ipaddress.ip_address((request.remote or "").partition("%")[0])
        except ValueError:
            return False
        remote = getattr(remote, "ipv4_mapped", None) or remote
        return any(remote in network for network in self._proxies)


def _bearer(request: web.BaseRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _authority(text: str) -> tuple[str, int | None]:
    """Name and port of `name:port`; the name is empty when it is none.

    Examples
    --------
    >>> _authority("Hall.example.:8950"), _authority("[::1]:80"), _authority("a@b")
    (('hall.example', 8950), ('::1', 80), ('', None))
    """
    try:
        parts = urlsplit(f"//{text}")
        if "@" in text or "/" in text or parts.hostname is None:
            return "", None
        return parts.hostname.rstrip("."), parts.port
    except ValueError:
        return "", None


def _is_own_address(name: str, request: web.BaseRequest) -> bool:
    """An address cannot be made to point elsewhere, as a name can; still only that of this connection will do."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    own = request.transport.get_extra_info("sockname") if request.transport else None
    if not own:
        return False
    here = ipaddress.ip_address(own[0].partition("%")[0])
    here = getattr(here, "ipv4_mapped", None) or here
    return address == here or (address.is_loopback and here.is_loopback)
