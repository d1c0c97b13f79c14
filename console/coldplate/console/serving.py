"""The local page of an agent, where it can be offered."""

import logging

from coldplate.agents.local.routes import routes
from coldplate.agents.local.server import LocalServer
from coldplate.agents.local.status import Status
from coldplate.agents.options.local import Local

log = logging.getLogger(__name__)


def serve(status: Status, options: Local) -> LocalServer | None:
    """Offer it; None when it is switched off, or when the port cannot be had, which is no reason not to sample."""
    if options.port == 0:
        return None
    try:
        return LocalServer(
            options.address, options.port, routes(status, options),
            connections_max=options.connections_max,
        )  # fmt: skip
    except OSError as error:
        log.warning(
            "/metrics and /healthz are not offered: %s port %d cannot be had (%s);"
            " agent.local.port names another, 0 none",
            options.address, options.port, error.strerror or error,
        )  # fmt: skip
        return None
