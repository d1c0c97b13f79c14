"""How a Grafana is reached: where, as whom, and whom to trust."""

import math
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

TIMEOUT_S, TIMEOUT_S_MAX = 10.0, 300.0


@dataclass(frozen=True, slots=True)
class Access:
    """Checked when it is made.

    Parameters
    ----------
    url
        `https://host[:port][/path]`; plain http only to this machine, or where `allow_http` says so.
    token
        Of a service account; or else `user` and `password`.
    ca_file
        Certificates in PEM to trust instead of the well-known ones; "" for those.
    timeout_s
        For an answer.

    Raises
    ------
    ValueError
        Saying what is wrong; no secret is repeated.
    """

    url: str
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    allow_http: bool = False
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        """Refuse what could not work, or would show a secret to others."""
        self._check_url()
        if bool(self.token) == bool(self.user):
            raise ValueError("one of a token, or a user with a password, is needed")
        if self.user and not self.password:
            raise ValueError(f"the user {self.user!r} needs a password")
        if ":" in self.user:
            raise ValueError("a user with a colon in its name cannot log in this way")
        if not all(" " < c <= "~" for c in self.token):
            raise ValueError("the token holds what no token does: a space, a line break, or no ASCII")  # fmt: skip
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= TIMEOUT_S_MAX):
            raise ValueError(f"the time-out must be above 0 and at most {TIMEOUT_S_MAX:g} s")
        if self.ca_file:
            _check_certificates(self.ca_file)

    @property
    def scheme(self) -> str:
        """`https` or `http`."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """As it stands in a URL."""
        host = urlsplit(self.url).hostname or ""
        return f"[{host}]" if ":" in host else host

    @property
    def port(self) -> int | None:
        """None is the scheme's own."""
        return urlsplit(self.url).port

    @property
    def prefix(self) -> str:
        """Path under which Grafana is served, with a slash at its end; "" for none."""
        path = urlsplit(self.url).path.strip("/")
        return f"{path}/" if path else ""

    @property
    def shown(self) -> str:
        """The address, for people."""
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{self.host}{port}/{self.prefix}".rstrip("/")

    def veiled(self, text: str) -> str:
        """A text of others without our secrets."""
        for secret in (self.token, self.password):
            if secret:
                text = text.replace(secret, "***")
        return text

    def _check_url(self) -> None:
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            raise ValueError("the URL is none: its host or port cannot be read") from None
        if parts.username is not None or parts.password is not None:
            raise ValueError("the URL holds a user or a password; name a file with it instead")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the URL must be https://host[:port][/path]")
        if parts.query or parts.fragment:
            raise ValueError("the URL must end before ? and #: it is Grafana's own address, not that of a page")  # fmt: skip
        if parts.path.rstrip("/").endswith("/api"):
            raise ValueError("the URL must end before /api")
        if parts.scheme == "http" and not (self.allow_http or _loopback(parts.hostname)):
            raise ValueError("http shows the credentials to everybody on the way; use https, or allow it with --allow-http")  # fmt: skip


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path}: no certificate in PEM is in it") from None
    except OSError as error:
        raise ValueError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
