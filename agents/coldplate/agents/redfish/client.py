"""A Redfish service as documents by path: logged in, paged, expanded, never asked two things at once.

Everything that takes time is a generator (`steps.py`); `steps.run` does one at once. What a service sends is not
trusted: links lead to paths of the same service or nowhere, redirects are not followed, answers, pages and members are
bounded. Tokens and passwords stand in no message, and neither do bodies.
"""

import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from coldplate.agents.redfish.document import Doc, is_path, items, link_of, part, safe_path
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.etag import Tagged
from coldplate.agents.redfish.http import Answer, request
from coldplate.agents.redfish.link import Link
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.steps import Steps

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
PAGES_MAX, MEMBERS_MAX = 100, 1000
REST_MAX_S = 3600.0


class Client:
    """One service.

    Parameters
    ----------
    reach
        Where it is.
    clock
        Monotonic seconds.

    Notes
    -----
    One request at a time: start the next `get` when the last one is done or was given up.
    """

    def __init__(self, reach: Reach, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.reach = reach
        self.counts: Counter[str] = Counter()
        self._link = Link(reach, clock)
        self._token = ""
        self._session = ""
        self._basic = reach.options.auth == "basic"
        self._expand: str | None = None
        self._kept: dict[str, tuple[Tagged, Doc]] = {}
        host = f"[{reach.host}]" if ":" in reach.host else reach.host
        self._host = f"{host}:{reach.port}"

    def get(self, path: str, *, keep: bool = False) -> Steps[Doc]:
        """A document.

        Parameters
        ----------
        path
            As the service names it, from `/redfish/`.
        keep
            It is read again and again: its ETag may save the transfer.

        Raises
        ------
        RedfishError
            When it cannot be had; the message says where and why.
        """
        safe_path(path)
        try:
            return (yield from self._get(path, keep))
        except RedfishError as error:
            where = f"{self.reach.url}{path.partition('?')[0]}"
            raise RedfishError(error.reason, f"{where}: {error}", error.rest_s) from None

    def members(self, path: str) -> Steps[list[Doc]]:
        """Everything in a collection, in its order, pages put together.

        Raises
        ------
        RedfishError
            When the collection cannot be had, or has no end. A member that cannot be had is counted, and keeps its
            place with nothing but its address.
        """
        yield from self._learn()
        found = yield from self._pages(self.expanded(path) or path)
        out = []
        for member in found:
            # An expanded member has more than its address.
            if len(member) > 1:
                out.append(member)
                continue
            yield None
            try:
                out.append((yield from self.get(link_of(member))))
            except RedfishError as error:
                if error.resting:
                    raise
                self.counts[error.reason] += 1
                out.append(member)
        return out

    def expanded(self, path: str) -> str:
        """The path that brings a collection with its members in one answer; "" where the service cannot."""
        return f"{path}?$expand={self._expand}" if self._expand else ""

    def whole(self, path: str) -> Steps[list[Doc]]:
        """The members of a collection in one answer, `path` as `expanded` gave it.

        Raises
        ------
        RedfishError
            When it did not bring them; it is not asked to expand again.
        """
        found = yield from self._pages(path, keep=True)
        if not self._expand or any(len(m) == 1 for m in found):
            self._expand = ""
            raise RedfishError(
                "not_found", f"{self.reach.url}{path}: it expands collections no more"
            )
        return found

    def leave(self) -> Steps[None]:
        """End the session and the connection."""
        try:
            if self._session and self._token:
                session, self._session = self._session, ""
                yield from self._ask("DELETE", session, {"X-Auth-Token": self._token})
        except RedfishError:
            # It ends by itself after a while.
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the connection at once; the session is forgotten and ends by itself."""
        self._token = self._session = ""
        self._link.close()

    def _get(self, path: str, keep: bool) -> Steps[Doc]:
        tagged, doc = self._kept.get(path, (None, None)) if keep else (None, None)
        headers = {}
        if tagged is not None and (tag := tagged.condition()):
            headers["If-None-Match"] = tag
        answer = yield from self._logged_in(path, headers)
        if answer.status == 304 and doc is not None and headers:
            self.counts["unchanged"] += 1
            return doc
        _check(answer)
        doc = _decode(answer)
        if keep and (tag := answer.headers.get("etag", "")) and tag.isprintable():
            tagged = tagged or Tagged()
            tagged.came(tag, answer.body)
            self._kept[path] = (tagged, doc)
        return doc

    def _logged_in(self, path: str, headers: dict[str, str]) -> Steps[Answer]:
        answer = yield from self._ask("GET", path, headers | (yield from self._proof()))
        if answer.status == 401 and self._token:
            # A session ends by itself, and when a controller restarts: once again, with a new one.
            self._token = self._session = ""
            answer = yield from self._ask("GET", path, headers | (yield from self._proof()))
        return answer

    def _proof(self) -> Steps[dict[str, str]]:
        """The headers that say who asks."""
        options = self.reach.options
        if not options.user:
            return {}
        if self._basic:
            pair = f"{options.user}:{self.reach.password()}".encode()
            return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
        if not self._token:
            yield from self._log_in()
        return {"X-Auth-Token": self._token} if self._token else (yield from self._proof())

    def _log_in(self) -> Steps[None]:
        options = self.reach.options
        body = msgspec.json.encode({"UserName": options.user, "Password": self.reach.password()})
        self.counts["logins"] += 1
        answer = yield from self._ask("POST", SESSIONS, {}, body)
        if answer.status in (404, 405, 501):
            self._basic = True
            return
        if answer.status in (429, 503):
            _check(answer)
        token = answer.headers.get("x-auth-token", "")
        if answer.status not in (200, 201) or not token or not token.isprintable():
            raise RedfishError(
                "login",
                f"it did not let {options.user!r} in (HTTP {answer.status}); see redfish.user and redfish.password_file",
            )
        self._token = token
        self._session = self._own_path(answer.headers.get("location", ""))

    def _own_path(self, location: str) -> str:
        """The path of the session to end later; "" when it is somewhere else."""
        path = re.sub(r"^https?://[^/]*", "", location).removeprefix(self.reach.prefix)
        return path if path.startswith(SESSIONS) and is_path(path) else ""

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Steps[Answer]:
        self.counts["requests"] += 1
        data = request(method, self.reach.prefix + path, self._host, headers, body)
        answer = yield from self._link.exchange(data)
        if 300 <= answer.status < 400 and answer.status != 304:
            raise RedfishError(
                "redirect",
                f"it answers with a redirect (HTTP {answer.status}), which is not followed; set the address it redirects to, if that is right",
            )
        return answer

    def _learn(self) -> Steps[None]:
        """Find out, once, in which way the service expands collections."""
        if self._expand is None:
            root = yield from self.get(ROOT)
            yield None
            can = part(part(root, "ProtocolFeaturesSupported"), "ExpandQuery")
            levels = "($levels=1)" if can.get("Levels") is True else ""
            # `.` leaves out what stands under Links.
            sign = (
                "." if can.get("NoLinks") is True else "*" if can.get("ExpandAll") is True else ""
            )
            self._expand = f"{sign}{levels}" if sign else ""

    def _pages(self, path: str, *, keep: bool = False) -> Steps[list[Doc]]:
        seen: set[str] = set()
        out: list[Doc] = []
        while path:
            if path in seen or len(seen) >= PAGES_MAX:
                raise RedfishError("link", f"{self.reach.url}{path}: its pages have no end")
            seen.add(path)
            try:
                page = yield from self.get(path, keep=keep)
            except RedfishError as error:
                if "?$expand=" not in path or error.reason not in ("status", "not_found", "json"):
                    raise
                # It says that it can expand, and cannot.
                self._expand, path, out = "", path.partition("?")[0], []
                self.counts["expand_refused"] += 1
                continue
            out += _members(page)
            if len(out) > MEMBERS_MAX:
                raise RedfishError(
                    "link", f"{self.reach.url}{path}: more than {MEMBERS_MAX} members"
                )
            following = page.get("Members@odata.nextLink")
            path = safe_path(following) if following else ""
            if path:
                yield None
        return out


def _members(doc: Doc) -> list[Doc]:
    found = items(doc, "Members")
    return [m for m in found if link_of(m)]


def _check(answer: Answer) -> None:
    status = answer.status
    if status in (429, 503):
        raise RedfishError(
            "busy", f"it asks to be left alone (HTTP {status})", _retry_after_s(answer)
        )
    if status == 401:
        raise RedfishError("login", "it does not let us in (HTTP 401); see redfish.user")
    if status == 403:
        raise RedfishError("status", "it refuses (HTTP 403); may redfish.user read it?")
    if status == 404:
        raise RedfishError("not_found", "there is no such resource (HTTP 404)")
    if status != 200:
        raise RedfishError("status", f"HTTP {status}")


def _retry_after_s(answer: Answer) -> float | None:
    # A date, its other form, needs the controller's clock to be right: then our own rest is as good.
    said = answer.headers.get("retry-after", "")
    return min(float(said), REST_MAX_S) if said.isdecimal() and len(said) < 9 else None


def _decode(answer: Answer) -> Doc:
    try:
        doc = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise RedfishError("json", "what it answers is no JSON") from None
    if not isinstance(doc, dict):
        raise RedfishError("json", "what it answers is no JSON object")
    return doc
