"""Where an HTTP format's calls go, and the token that they carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.config import Http
from coldplate.sinks.webhooks.secrets import Secret, secret_in

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Target:
    """An address with its token.

    Parameters
    ----------
    url
        The address, or the secret that holds it.
    token
        Sent as `Authorization: Bearer`; None for none.
    """

    url: str | Secret = field(repr=False)
    token: Secret | None = None

    @classmethod
    def of(cls, receiver: Http, base: Path, default: str = "") -> "Target":
        """A receiver's; its files are found from the folder `base`."""
        url = secret_in(base, receiver.url_file) if receiver.url_file else receiver.url or default
        return cls(url, secret_in(base, receiver.token_file) if receiver.token_file else None)

    def post(
        self, body: bytes, headers: Mapping[str, str] | None = None, *, path: str = "", method: str = "POST"
    ) -> Post:  # fmt: skip
        """A request with a body of JSON.

        Parameters
        ----------
        headers
            Beside the content's type and the token; they come first.
        path
            Follows the address.

        Raises
        ------
        SecretError
        """
        url = self.url.value if isinstance(self.url, Secret) else self.url
        all_headers = {"Content-Type": JSON}
        if self.token is not None:
            all_headers["Authorization"] = f"Bearer {self.token.value}"
        for name, value in (headers or {}).items():
            known = next((n for n in all_headers if n.lower() == name.lower()), name)
            all_headers[known] = value
        return Post(url.rstrip("/") + path if path else url, body, all_headers, method)


def body_of(value: Any) -> bytes:
    """JSON, the same bytes for the same value."""
    return msgspec.json.encode(value)
