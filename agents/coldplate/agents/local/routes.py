"""From a path to its page: `/metrics`, `/healthz`, `/readyz`."""

from http import HTTPStatus

from coldplate.agents.local.exposition import OPENMETRICS, TEXT, render, wants_openmetrics
from coldplate.agents.local.page import families, machine_name
from coldplate.agents.local.server import Answer, Route
from coldplate.agents.local.status import Status
from coldplate.agents.local.verdict import healthz, readyz
from coldplate.agents.options.local import Local


def routes(status: Status, options: Local) -> Route:
    """The answers about one agent."""
    hostname = (options.hostname_label, machine_name(options.hostname))

    def answer(path: str, accept: str) -> Answer | None:
        if path == "/metrics":
            openmetrics = wants_openmetrics(accept)
            page = render(families(status, hostname), openmetrics=openmetrics)
            return Answer(HTTPStatus.OK, OPENMETRICS if openmetrics else TEXT, page)
        if path == "/healthz":
            return healthz(status, options.unseen_ticks)
        if path == "/readyz":
            return readyz(status)
        return None

    return answer
