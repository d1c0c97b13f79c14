"""What there is to ask for: the one table by which requests are answered and documented."""

from dataclasses import dataclass
from typing import Literal

from coldplate.dashboards.web import parameters as p
from coldplate.dashboards.web.parameters import Parameter

JSON, OCTETS, PLAIN = "application/json", "application/octet-stream", "text/plain"
HTML = "text/html"

Access = Literal["all", "machine", "known"]
"""`all`; `machine`: programs on the same machine, and who is known; `known`: who has the token or came through the proxy."""


@dataclass(frozen=True, slots=True)
class Route:
    """One of them.

    Parameters
    ----------
    method, path
        `{name}` in a path is a parameter.
    name
        Of what answers, see answering.py.
    summary
        For people.
    parameters
        That there may be.
    answers
        Statuses that are no error, and types of their bodies.
    errors
        Statuses that tell of one.
    access
        Who may ask.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    answers: tuple[tuple[int, tuple[str, ...]], ...] = ((200, (JSON,)),)
    errors: tuple[int, ...] = (400, 401, 403, 429, 503)
    access: Access = "known"

    @property
    def pattern(self) -> str:
        """The path with parameters that may hold a `/`."""
        path = self.path
        for parameter in self.parameters:
            if parameter.place == "path":
                path = path.replace(f"{{{parameter.name}}}", f"{{{parameter.name}:.+}}")
        return path


NAMED = (400, 401, 403, 404, 429, 503)
FORM = (400, 401, 403, 413, 429)

FILE = Parameter(
    "name", "path", "Name of a file of the page", {"type": "string", "minLength": 1}, str, example="index.html"
)  # fmt: skip

ROUTES = (
    Route("GET", "/", "page", "The page", answers=((200, (HTML,)), (303, ()), (304, ())), errors=(400, 401, 403, 404)),
    Route("GET", "/board", "board_page", "The page of a bring-up", answers=((200, (HTML,)), (303, ()), (304, ())), errors=(400, 401, 403, 404)),
    Route("GET", "/static/{name}", "static", "The page's files", (FILE,), ((200, ("*/*",)), (304, ())), (400, 403, 404), "all"),
    Route("GET", "/healthz", "healthz", "That the server runs", (), ((200, (PLAIN,)),), (400,), "all"),
    Route("GET", "/metrics", "metrics", "What the server counts of itself, for Prometheus", (), ((200, (PLAIN,)),), (400, 401, 403, 429), "machine"),
    Route("GET", "/login", "login_page", "Form for the token", (), ((200, (HTML,)), (303, ()), (304, ())), (400, 403, 404), "all"),
    Route("POST", "/login", "login", "Begin a session; the form's field is `token`", (), ((303, ()),), FORM, "all"),
    Route("POST", "/logout", "logout", "End the session", (), ((303, ()),), FORM, "all"),
    Route("GET", "/api/openapi.json", "openapi", "This document"),
    Route("GET", "/api/floor", "floor", "Where each GPU's cell is", answers=((200, (JSON,)), (304, ()))),
    Route("GET", "/api/hall", "hall", "The hall in numbers, as `coldplate live --json` tells it"),
    Route("GET", "/api/board", "board", "A bring-up, as `coldplate board --json` tells it"),
    Route("GET", "/api/rack/{rack}", "rack", "A rack, as `coldplate rack --json` tells it", (p.RACK, p.AT), errors=NAMED),
    Route("GET", "/api/gpu/{gpu}", "gpu", "A GPU, as `coldplate gpu --json` tells it", (p.GPU, p.AT), errors=NAMED),
    Route("GET", "/api/incidents", "incidents", "Incidents, as `coldplate incidents list --json` tells them", (p.STATE, p.LIMIT)),
    Route("GET", "/api/why/{incident}", "why", "What an incident is made of, as `coldplate why --json` tells it", (p.INCIDENT,), errors=NAMED),
    Route("GET", "/api/power/{rack}", "power", "A rack's power with its band", (p.RACK, p.BEGIN, p.END, p.STEPS), errors=NAMED),
    Route("GET", "/api/resistance/{gpu}", "resistance", "A GPU's thermal resistance with its baseline", (p.GPU, p.BEGIN, p.END, p.STEPS), errors=NAMED),
    Route("GET", "/api/replay", "replay", "The hall at a past moment; as octets: the snapshot of the WebSocket's protocol", (p.AT_PAST, p.CHANNEL, p.STEP_MS), ((200, (JSON, OCTETS)),), NAMED),
    Route("GET", "/api/live", "live", "The hall as it goes: a WebSocket", answers=((101, ()),)),
)  # fmt: skip
