"""Puts the alerter together: configuration, Kafka, its file, receivers, and what it looks at for the heartbeat."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldplate.agents.follow import Lag, NotAnswering
from coldplate.console.alert_words import Jobs, Words
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.keys import signer_of
from coldplate.console.reloading import Reloading
from coldplate.console.sending import counts_of, publisher_of
from coldplate.console.vitals.part import Vitals
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.webhooks.alerter import Alerter
from coldplate.sinks.webhooks.call import Transport
from coldplate.sinks.webhooks.config import AnyReceiver
from coldplate.sinks.webhooks.deliver import Deliverer
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.load import AlertsError, Loaded, loaded
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.policy import Policy
from coldplate.sinks.webhooks.pulse import Pulse, PulseUnknown
from coldplate.sinks.webhooks.reader import TopicReader
from coldplate.sinks.webhooks.transports.making import transport_of
from coldplate.wire.action import Action
from coldplate.wire.codec import encode
from coldplate.wire.incident import Incident
from coldplate.wire.ports import Publisher
from coldplate.wire.topic import Topics

if TYPE_CHECKING:
    from coldplate.wire.inventory import Inventory

log = logging.getLogger(__name__)

FILE = "alerts.sqlite"
CLOSE_S, STATS_S = 5.0, 1.0
LATE_S = 300
"""How far back the newest stored tick is looked for: what is older than this is stale by any limit."""


def alerts_file(context: Context, given: str | None) -> Path:
    """The file of receivers and routes: of an option, or of the configuration.

    Raises
    ------
    Failure
        When neither names one.
    """
    name = given or context.config.alerts.file
    if not name:
        raise Failure(
            "no alerts are configured: name a file with receivers and routes, here or as alerts.file"
            " (COLDPLATE_ALERTS__FILE); docs/alerts.example.toml is one",
            NOT_THERE,
        )
    return Path(name)


def configured(context: Context, given: str | None = None) -> Loaded:
    """Receivers and routes.

    Raises
    ------
    Failure
        Listing all that is wrong, with file and line.
    """
    try:
        return loaded(alerts_file(context, given))
    except AlertsError as error:
        raise Failure(str(error), BAD_INPUT) from None


def outbox_path(context: Context) -> Path:
    """The alerter's file."""
    named = context.config.alerts.state_dir or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return (Path(named).expanduser() if named else context.state.path / "alerts") / FILE


def outbox_of(context: Context, *, alone: bool) -> Outbox:
    """The file in which alerts wait.

    Raises
    ------
    Failure
        When it cannot be had; says why and what to do.
    """
    path = outbox_path(context)
    if not alone and not path.exists():
        raise Failure(f"{path}: no alerter has run here; alerts.state_dir names its folder", NOT_THERE)  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Outbox(path, f"alerter {context.config.alerts.instance}", alone=alone)
    except (OutboxError, OSError) as error:
        raise Failure(str(error), NOT_THERE) from None


class Ends:
    """Both ends of the pipeline, asked anew each time; connections are made when they are needed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client: Client | None = None
        self._lag: Lag | None = None

    def newest_stored_ms(self) -> int | None:
        """See `coldplate.sinks.webhooks.pulse.Ends`."""
        try:
            if self._client is None:
                self._client = Client(self._context.clickhouse("reader"))
            rows = self._client.execute(
                "SELECT max(toUnixTimestamp64Milli(t) + (ticks - 1) * tick_ms) FROM frames"
                " WHERE stored_at > now64(3) - toIntervalSecond(%(late)s)",
                {"late": LATE_S},
            )
        except (HistoryError, Failure) as error:
            raise PulseUnknown(str(error)) from None
        return int(rows[0][0]) or None

    def judged(self) -> int:
        """See `coldplate.sinks.webhooks.pulse.Ends`."""
        group = self._context.config.worker.group
        try:
            if self._lag is None:
                self._lag = Lag(self._context.kafka, self._context.topics.frames, [group])
            return self._lag.committed()[group]
        except NotAnswering as error:
            raise PulseUnknown(str(error)) from None

    def close(self) -> None:
        """Let go of both."""
        if self._client is not None:
            self._client.close()
        if self._lag is not None:
            self._lag.close()


class ToKafka:
    """The alerter's records by the agents' publisher."""

    def __init__(self, publisher: Publisher, topics: Topics) -> None:
        self._publisher, self._topics = publisher, topics

    def publish(self, record: Incident | Action) -> None:
        """See `coldplate.sinks.webhooks.alerter.Publisher`."""
        if isinstance(record, Incident):
            topic, key = self._topics.incidents, record.id
        else:
            topic, key = self._topics.actions, record.incident or record.id
        self._publisher.publish(topic, key.encode(), encode(record))

    def acknowledged(self) -> bool:
        """See there."""
        return not self._publisher.flush(0.0)


def transports_of(
    found: Loaded, receivers: Iterable[AnyReceiver], outbox: Outbox, halls: Mapping[str, str]
) -> dict[str, Transport]:
    """The way to each receiver, by its name.

    Parameters
    ----------
    outbox
        Where what was acted on is remembered.
    halls
        The hall of each node.
    """
    return {r.name: transport_of(r, found.base, outbox, halls) for r in receivers}


def run_alerter(context: Context, given: str | None, stats: str | None) -> None:
    """Work until SIGTERM or SIGINT; in the main thread.

    Raises
    ------
    Failure
    """
    found = configured(context, given)
    with (
        Reloading(context, lambda other: examine(other, given)) as reloading,
        Vitals("alerter", context.config.alerts.local, stats, reloading.counts) as vitals,
    ):
        asyncio.run(_run(context, found, vitals))


def examine(context: Context, given: str | None) -> None:
    """Read all that the alerter reads when it starts.

    Raises
    ------
    Failure
        Saying what cannot be used.
    """
    configured(context, given)
    _ = context.kafka
    context.inventory()
    signer_of(context)


async def _run(context: Context, found: Loaded, vitals: Vitals) -> None:
    alerts, config = found.alerts, context.config
    inventory, outbox = context.inventory(), outbox_of(context, alone=True)
    ends, publisher = Ends(context), publisher_of(context)
    halls = _halls(inventory)
    words = Words(alerts.links, inventory, _jobs(context))
    formats = {r.name: format_of(r, found.base, alerts) for r in alerts.receivers}
    transports = transports_of(found, alerts.receivers, outbox, halls)
    sender = Deliverer(outbox, alerts, formats, transports)
    topics = (context.topics.incidents, context.topics.actions)
    reader = TopicReader({**context.kafka.client_options(), "client_id": "coldplate-alerts"}, topics, outbox.offsets())  # fmt: skip
    policy = Policy(alerts, inventory, words, config.cluster, config.alerts.instance)

    alerter = Alerter(
        config.cluster, context.topics, reader, policy, outbox, sender, ToKafka(publisher, context.topics), outbox.states(),
        alerts.heartbeat, _pulse(context, ends, alerts.heartbeat.stale_s),
    )  # fmt: skip

    def counts() -> dict[str, Any]:
        return {
            **counts_of(dict(alerter.counts), publisher),
            **of_receivers(sender.status()),
            "rejected": rejected(alerter.counts),
        }

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    telling = asyncio.create_task(_tell(vitals, counts))
    try:
        await alerter.run(stop)
    finally:
        telling.cancel()
        vitals.take(counts())
        for transport in transports.values():
            await transport.close()
        words.close()
        await asyncio.to_thread(publisher.close, CLOSE_S)
        reader.close()
        ends.close()
        outbox.close()


def _pulse(context: Context, ends: Ends, stale_s: float) -> Pulse | None:
    """What the heartbeat is fed by; nothing where no history is named, and the log says so."""
    try:
        context.clickhouse("reader")
    except Failure as error:
        log.warning("no heartbeat, and nobody is told when frames stop: %s", error)
        return None
    return Pulse(ends, stale_s)


def _jobs(context: Context) -> Jobs | None:
    """Who asks the history for the job on each GPU."""
    try:
        settings = context.clickhouse("reader")
    except Failure:
        return None

    def ask() -> Mapping[str, str]:
        with Client(settings) as client:
            return dict(client.execute("SELECT gpu, any(job) FROM job_gpus WHERE isNull(until) GROUP BY gpu"))  # fmt: skip

    return ask


def of_receivers(receivers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of the lanes, by receiver, and of all of them."""
    return {
        "sent": sum(r.get("counts", {}).get("taken", 0) for r in receivers.values()),
        "waiting": {name: r["pending"] for name, r in receivers.items()},
        "dead": {name: r["dead"] for name, r in receivers.items()},
        "failed": {name: _failed(r.get("counts", {})) for name, r in receivers.items()},
        "receivers": receivers,
    }


def _failed(counts: Mapping[str, int]) -> int:
    """Attempts, whatever the answer was: it stands in the log, and is too many things for a label."""
    return sum(n for what, n in counts.items() if what.startswith("failed"))


def rejected(counts: Mapping[str, int]) -> dict[str, int]:
    """Records not understood, by reason."""
    return {k.removeprefix("rejected_"): n for k, n in counts.items() if k.startswith("rejected_")}


async def _tell(vitals: Vitals, counts: Callable[[], dict[str, Any]]) -> None:
    while True:
        vitals.take(counts())
        await asyncio.sleep(STATS_S)


def _halls(inventory: "Inventory | None") -> Mapping[str, str]:
    """The hall of each node."""
    return {} if inventory is None else {d.id: d.hall for d in inventory.of_kind("node")}
