"""A deliverer with its outbox and receivers, for as long as a test takes."""

import asyncio
from contextlib import asynccontextmanager

from sinks.webhooks.receivers import (
    Clock,
    Plain,
    soon,
)

from coldplate.sinks.webhooks.backoff import Backoff
from coldplate.sinks.webhooks.config import Alerts, Slack
from coldplate.sinks.webhooks.deliver import Deliverer
from coldplate.sinks.webhooks.lane import Pace
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.transports.http import HttpTransport
from coldplate.sinks.webhooks.turn import Turn

FAST = Pace(retry=Backoff(0.002, 0.01), probe=Backoff(0.002, 0.01))
LOCAL = {"allow_http": True, "allow_private": True}


def receiver(name, **changes):
    return Slack(**{"name": name, "timeout_s": 2.0, **LOCAL, **changes})


class Scene:
    """An outbox and lanes to some receivers."""

    def __init__(self, path, transports, clock, formats, receivers, pace):
        self.clock, self.transports, self.actions = clock, transports, []
        self.outbox = Outbox(path, "alerter a", clock=clock)
        alerts = Alerts(
            receivers=tuple(
                receiver(name, **(receivers or {}).get(name, {})) for name in transports
            )
        )
        self.sender = Deliverer(
            self.outbox, alerts, {name: Plain("https://x") for name in transports} | (formats or {}),
            transports, clock=clock, pace=pace, on_actions=self.actions.extend,
        )  # fmt: skip

    def put(self, *messages):
        self.outbox.commit(Turn(messages=messages))
        self.sender.wake()

    def pending(self):
        return sum(lengths.pending for lengths in self.outbox.lengths().values())

    def idle(self):
        return not any(lane.under_way for lane in self.sender.lanes.values())

    async def sent(self, within_s=20.0):
        await soon(lambda: not self.pending(), "everything to be sent", within_s)

    def go_on(self, by_s):
        """Time passes, and the lanes notice."""
        self.clock.t_s += by_s
        self.sender.wake()


@asynccontextmanager
async def scene(tmp_path, transports, *, clock=None, formats=None, receivers=None, pace=FAST):
    """Started, and stopped in good order."""
    made = Scene(tmp_path / "outbox.sqlite", transports, clock or Clock(), formats, receivers, pace)
    running = asyncio.create_task(made.sender.run())
    try:
        yield made
    finally:
        await made.sender.stop()
        await running
        made.outbox.close()


@asynccontextmanager
async def http_scene(tmp_path, receivers, **changes):
    """Real receivers by their names."""
    transports = {name: HttpTransport(receiver(name, **changes)) for name in receivers}
    formats = {name: Plain(r.url) for name, r in receivers.items()}
    each = dict.fromkeys(receivers, changes)
    async with scene(tmp_path, transports, formats=formats, receivers=each) as made:
        yield made
