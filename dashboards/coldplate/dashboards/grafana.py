"""Speaks to a Grafana through grafana-api, and makes good what that leaves to chance.

grafana-api 1.0.3 follows redirects, lets errors of `requests` through, falls over bodies that are no JSON, and tries
once. A hook of its session sees every answer first: what is not JSON of Grafana never reaches it.
"""

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests
from grafana_api.grafana_face import GrafanaFace
from urllib3.exceptions import HTTPError

from coldplate.dashboards.access import Access
from coldplate.dashboards.answer import line, redirected, said, wait_s
from coldplate.dashboards.errors import NEEDS_WAITING, GrafanaError

T = TypeVar("T")

BACKOFF_S = (0.5, 1.0, 2.0)
"""Before the second attempt, the third and the last."""

BODY_BYTES_MAX = 32 << 20
PAGE = 1000
PAGES_MAX = 100


class Grafana:
    """One Grafana; each method says in its error which step on what failed.

    Parameters
    ----------
    access
        Where and as whom.
    wait
        Waits for seconds, between attempts.
    """

    def __init__(self, access: Access, wait: Callable[[float], None] = time.sleep) -> None:
        self._access, self._wait = access, wait
        self._face = GrafanaFace(
            access.token or (access.user.encode(), access.password.encode()), host=access.host, port=access.port,
            url_path_prefix=access.prefix, protocol=access.scheme, verify=access.ca_file or True,
            timeout=access.timeout_s,
        )  # fmt: skip
        self._session: requests.Session = self._face.api.s
        # A .netrc or a proxy of the environment must not see what is meant for this server.
        self._session.trust_env = False
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity"})
        self._session.hooks["response"].append(self._judged)
        self._step = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    @property
    def where(self) -> str:
        """Its address, for people."""
        return self._access.shown

    def folder(self, uid: str) -> dict[str, Any] | None:
        """A folder; None when there is none."""
        return self._found(f"read folder {uid}", lambda: self._face.folder.get_folder(_part(uid)))

    def create_folder(self, uid: str, title: str) -> None:
        """Make one."""
        self._tried(f"create folder {uid}", lambda: self._face.folder.create_folder(title, uid))

    def dashboard(self, uid: str) -> dict[str, Any] | None:
        """A dashboard with its `meta`; None when there is none."""
        step = f"read dashboard {uid}"
        found = self._found(step, lambda: self._face.dashboard.get_dashboard(_part(uid)))
        if found is not None and not all(isinstance(found.get(k), dict) for k in ("dashboard", "meta")):  # fmt: skip
            raise GrafanaError(step, "the answer is no dashboard", 200)
        return found

    def newest_version(self, uid: str) -> dict[str, Any] | None:
        """Who wrote the newest version, when and with which message; None when it is not told."""
        step = f"read versions of dashboard {uid}"
        path = f"/dashboards/uid/{_part(uid)}/versions?limit=1"
        try:
            told = self._tried(step, lambda: self._face.api.GET(path))
        except GrafanaError as error:
            if error.status in (403, 404):
                return None
            raise
        # A list up to Grafana 10, an object with one since 11.
        versions = told.get("versions") if isinstance(told, dict) else told
        if not isinstance(versions, list) or not all(isinstance(v, dict) for v in versions):
            raise GrafanaError(step, "the answer is no list of versions", 200)
        return versions[0] if versions else None

    def save(self, uid: str, body: dict[str, Any]) -> dict[str, Any]:
        """Write a dashboard."""
        return self._object(f"write dashboard {uid}", lambda: self._face.dashboard.update_dashboard(body))  # fmt: skip

    def source(self, uid: str) -> dict[str, Any] | None:
        """A data source; None when there is none."""
        path = f"/datasources/uid/{_part(uid)}"
        return self._found(f"read data source {uid}", lambda: self._face.api.GET(path))

    def source_named(self, name: str) -> dict[str, Any] | None:
        """A data source by its name; None when there is none."""
        step = f"look for a data source named {name}"
        return self._found(step, lambda: self._face.datasource.find_datasource(_part(name)))

    def create_source(self, uid: str, body: dict[str, Any]) -> None:
        """Make a data source."""
        self._tried(f"create data source {uid}", lambda: self._face.datasource.create_datasource(body))  # fmt: skip

    def update_source(self, uid: str, body: dict[str, Any]) -> None:
        """Change one; by its uid, because numbers are no longer taken."""
        path = f"/datasources/uid/{_part(uid)}"
        self._tried(f"update data source {uid}", lambda: self._face.api.PUT(path, json=body))

    def dashboards_in(self, folder_uid: str) -> list[str]:
        """Uids of the dashboards in a folder."""
        step, uids = f"list dashboards of folder {folder_uid}", list[str]()
        for page in range(1, PAGES_MAX + 1):
            path = f"/search?type=dash-db&folderUIDs={_part(folder_uid)}&limit={PAGE}&page={page}"
            found = self._tried(step, partial(self._face.api.GET, path))
            if not isinstance(found, list):
                raise GrafanaError(step, "the answer is no list", 200)
            # A Grafana that does not know the parameter gives all there are.
            ours = (f for f in found if isinstance(f, dict) and f.get("folderUid") == folder_uid)
            uids += [str(f.get("uid")) for f in ours]
            if len(found) < PAGE:
                return uids
        raise GrafanaError(step, f"more than {PAGE * PAGES_MAX} dashboards", 200)

    def _found(self, step: str, make: Callable[[], Any]) -> dict[str, Any] | None:
        try:
            return self._object(step, make)
        except GrafanaError as error:
            if error.status == 404:
                return None
            raise

    def _object(self, step: str, make: Callable[[], Any]) -> dict[str, Any]:
        made = self._tried(step, make)
        if not isinstance(made, dict):
            raise GrafanaError(step, "the answer is no JSON object", 200)
        return made

    def _tried(self, step: str, make: Callable[[], T]) -> T:
        self._step = step
        for backoff_s in BACKOFF_S:
            try:
                return self._once(make)
            except _LaterError as later:
                self._wait(backoff_s if later.wait_s is None else later.wait_s)
        try:
            return self._once(make)
        except _LaterError as later:
            attempts = len(BACKOFF_S) + 1
            words = f"{later.said}; tried {attempts} times"
            raise GrafanaError(step, words, later.status) from None

    def _once(self, make: Callable[[], T]) -> T:
        try:
            return make()
        except requests.exceptions.SSLError as error:
            raise GrafanaError(self._step, f"certificate: {_certificate(error)}") from None
        except (requests.Timeout, TimeoutError):
            raise _LaterError(f"{self.where} did not answer within {self._access.timeout_s:g} s") from None  # fmt: skip
        except requests.ConnectionError as error:
            raise _LaterError(f"{self.where}: {_connection(error)}") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _LaterError(f"{self.where}: the answer broke off ({type(error).__name__})") from None  # fmt: skip

    def _judged(self, answer: requests.Response, **_: Any) -> requests.Response:
        """Before grafana-api sees it: a whole answer in JSON, or an error of ours."""
        status = answer.status_code
        with answer:
            if 300 <= status < 400:
                words = redirected(status, answer.headers.get("Location", ""))
                raise GrafanaError(self._step, words, status)
            body = self._read(answer)
        if status in NEEDS_WAITING:
            waits_s = wait_s(answer.headers.get("Retry-After", ""), time.time())
            raise _LaterError(self._access.veiled(said(status, body)), status, waits_s)
        if status >= 400:
            raise GrafanaError(self._step, self._access.veiled(said(status, body)), status)
        whole = requests.Response()
        whole.status_code, whole.raw, whole.encoding = status, io.BytesIO(body), "utf-8"
        try:
            whole.json()
        except (ValueError, RecursionError):
            words = f"{said(status, body)}; is this the address of a Grafana?"
            raise GrafanaError(self._step, self._access.veiled(words), status) from None
        return whole

    def _read(self, answer: requests.Response) -> bytes:
        # The time-out of `requests` is of every single wait; who sends a byte a second would keep us for ever.
        until_s = time.monotonic() + self._access.timeout_s
        body = bytearray()
        while part := answer.raw.read1(1 << 16, decode_content=True):
            body += part
            if time.monotonic() > until_s:
                raise TimeoutError
            if len(body) > BODY_BYTES_MAX:
                words = f"HTTP {answer.status_code}: more than {BODY_BYTES_MAX >> 20} MiB"
                raise GrafanaError(self._step, words, answer.status_code)
        return bytes(body)


class _LaterError(Exception):
    """Worth another attempt."""

    def __init__(self, words: str, status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(words)
        self.said, self.status, self.wait_s = words, status, wait_s


def _part(text: str) -> str:
    """As one part of a path."""
    return quote(text, safe="")


def _certificate(error: Exception) -> str:
    """The reason alone, out of several wrappings."""
    text = str(error)
    for mark in ("certificate verify failed: ", "SSLError(", "SSLEOFError("):
        if mark in text:
            return line(text.rpartition(mark)[2].split(" (_ssl")[0].rstrip(")'\","))
    return "it speaks no TLS that we take"


def _connection(error: Exception) -> str:
    text = str(error)
    for mark, words in {
        "refused": "refuses the connection", "resolve": "the name has no address", "Name or service": "the name has no address",
        "unreachable": "cannot be reached", "No route": "cannot be reached",
    }.items():  # fmt: skip
        if mark in text:
            return words
    return "the connection broke off"
