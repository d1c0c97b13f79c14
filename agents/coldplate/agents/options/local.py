"""How the agent tells its own machine how it is: the HTTP server on the loopback address."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from coldplate.agents.options.certificate import MEANINGS as OF_CERTIFICATE
from coldplate.agents.options.certificate import check_named

MEANINGS = {
    "address": "where `/metrics`, `/healthz` and `/readyz` are offered; other than loopback opens them to the network",
    "port": "its port; 0 offers nothing",
    "hostname_label": "name of the label with the machine's name: `Hostname`, or `hostname` as newer dcgm-exporters have it",
    "hostname": "value of that label; empty: the machine's own name",
    "connections_max": "requests that are answered at the same time; others are refused",
    "unseen_ticks": "ticks after which a GPU that does not answer turns `/healthz` red",
    **OF_CERTIFICATE,
}


class Local(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The local HTTP server."""

    address: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 9401
    hostname_label: Literal["Hostname", "hostname"] = "Hostname"
    hostname: str = ""
    connections_max: Annotated[int, Meta(ge=1, le=64)] = 8
    unseen_ticks: Annotated[int, Meta(ge=1, le=600)] = 5
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""

    def __post_init__(self) -> None:
        check_named(self.cert_file, self.key_file, self.client_ca_file)
