"""Sends a test message along a route: marked as one, at once, past the queue, and says what each receiver answered."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from coldplate.console.alerting import transports_of
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.sinks.webhooks.call import Reply, Verdict
from coldplate.sinks.webhooks.config import Route
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.load import Loaded
from coldplate.sinks.webhooks.message import Message, Phase, Text, Told
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.wire.incident import Incident, Severity, State, incident_id

SUBJECT, KIND = "rack-0000/node-0/gpu-0", "test"


@dataclass(frozen=True, slots=True)
class TestReply:
    """What one receiver answered.

    Parameters
    ----------
    receiver
        Its name.
    verdict
        taken, retry (would be sent again) or refused.
    said
        In words.
    seconds
        How long it took.
    """

    receiver: str
    verdict: str
    said: str
    seconds: float


def send_test(context: Context, found: Loaded, route: str, severity: str) -> list[TestReply]:
    """The answers of all receivers of a route.

    Raises
    ------
    Failure
        When there is no such route.
    """
    routes = {r.name: r for r in found.alerts.routes}
    if route not in routes:
        known = ", ".join(routes) or "none"
        raise Failure(f"no route is called {route!r}; there are: {known}", BAD_INPUT)
    with tempfile.TemporaryDirectory(prefix="coldplate-") as folder:
        # A test acts on nothing, and so leaves nothing to be remembered.
        outbox = Outbox(Path(folder) / "alerts.sqlite")
        try:
            return asyncio.run(_send(context, found, routes[route], severity, outbox))
        finally:
            outbox.close()


async def _send(
    context: Context, found: Loaded, route: Route, severity: str, outbox: Outbox
) -> list[TestReply]:
    receivers = [r for r in found.alerts.receivers if r.name in route.to]
    transports = transports_of(found, receivers, outbox, {})

    async def one(index: int) -> TestReply:
        receiver, began_s = receivers[index], time.monotonic()
        message = _message(context.config.cluster, receiver.name, route.name, Severity(severity))
        try:
            call = format_of(receiver, found.base, found.alerts).call(message, time.time())
            reply = await transports[receiver.name].make(call)
        except (OSError, ValueError) as error:
            reply = Reply(Verdict.RETRY, str(error))
        seconds = round(time.monotonic() - began_s, 3)
        return TestReply(receiver.name, reply.verdict.value, reply.said, seconds)

    try:
        return list(await asyncio.gather(*(one(i) for i in range(len(receivers)))))
    finally:
        for transport in transports.values():
            await transport.close()


def _message(cluster: str, receiver: str, route: str, severity: Severity) -> Message:
    now_ms = time.time_ns() // 1_000_000
    incident = Incident(
        cluster=cluster, id=incident_id(SUBJECT, KIND, now_ms), step=0, state=State.OPEN, kind=KIND,
        subject=SUBJECT, rack="rack-0000", severity=severity, opened_ms=now_ms, updated_ms=now_ms,
        first_tick_ms=now_ms, cause="Nothing happened: somebody tries the way.", why="a test",
    )  # fmt: skip
    text = Text(
        "this is a test", incident.cause, "nowhere", "now", "it is a test", (), "nobody",
        ("Nothing. Tell who sent it that it arrived.",),
    )  # fmt: skip
    told = Told(incident, Phase.TEST, labels_of(incident), text)
    return Message(
        f"test-{incident.id}-{receiver}", cluster, receiver, route, f"test-{incident.id}", 0, now_ms, (told,)
    )  # fmt: skip
