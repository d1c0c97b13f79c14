"""Where a part tells how it is."""

from typing import Annotated

import msgspec
from msgspec import Meta

from coldplate.agents.options.certificate import MEANINGS as OF_CERTIFICATE
from coldplate.agents.options.certificate import check_named

MEANINGS = {
    "address": "where `/metrics`, `/healthz` and `/readyz` are offered; other than loopback opens them to the network",
    "port": "its port; 0 offers nothing",
    "connections_max": "requests that are answered at the same time; others are refused",
    **OF_CERTIFICATE,
}


class Local(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The local HTTP server of a part."""

    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    connections_max: Annotated[int, Meta(ge=1, le=64)] = 8
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""

    def __post_init__(self) -> None:
        check_named(self.cert_file, self.key_file, self.client_ca_file)
