"""The local page of an agent, where it can be offered, and the certificate of any part's."""

import logging
from typing import Protocol

from coldplate.agents.local.routes import routes
from coldplate.agents.local.server import LocalServer
from coldplate.agents.local.status import Status
from coldplate.agents.options.local import Local
from coldplate.wire.shown import Shown

log = logging.getLogger(__name__)


class Offered(Protocol):
    """What a section of the configuration says of TLS."""

    @property
    def cert_file(self) -> str:
        """See `coldplate.agents.options.certificate`, as the others."""

    @property
    def key_file(self) -> str:
        """Its key."""

    @property
    def client_ca_file(self) -> str:
        """Of whom may ask."""


def certificate(options: Offered, section: str) -> Shown | None:
    """What the server of a section shows; None without TLS."""
    if not options.cert_file:
        return None
    return Shown(options.cert_file, options.key_file, options.client_ca_file, section)


def serve(status: Status, options: Local) -> LocalServer | None:
    """Offer it; None when it is switched off, or when the port cannot be had, which is no reason not to sample."""
    if options.port == 0:
        return None
    try:
        return LocalServer(
            options.address, options.port, routes(status, options),
            connections_max=options.connections_max, certificate=certificate(options, "agent.local"),
        )  # fmt: skip
    except OSError as error:
        log.warning(
            "/metrics and /healthz are not offered: %s port %d cannot be had (%s);"
            " agent.local.port names another, 0 none",
            options.address, options.port, error.strerror or error,
        )  # fmt: skip
        return None
