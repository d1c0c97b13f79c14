"""The Faust app: a worker's lifecycle, timers and producer; reading is a service of it.

Frames and events are not read through Faust's streams, which cost 105 to 160 us a record (docs/adr/0009): the service
has a consumer of its own, hands batches to the pipeline, and commits after their effects are in Kafka. So the app
starts no consumer, and has no tables, no leader topic, no topic declaration, no web server.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.auth import SASLCredentials, SSLCredentials

from coldplate.streams.cluster.summing import Summing
from coldplate.streams.connection import tls
from coldplate.streams.pipeline import Effects, Pipeline
from coldplate.streams.reading import Reader
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.baseline import Baselines
from coldplate.wire.codec import encode
from coldplate.wire.topic import Topics, rack_key

log = logging.getLogger(__name__)

AGAIN_S = 1.0
LOOK_AT_ENDS_S = 10.0

EFFECTS_AT_ONCE = 500
"""Sends awaited together: thousands of rejects in a row must not become thousands of futures."""

KEEP_AT_END_S = 4.0
"""For writing down what was learnt before the process ends; half of what the end may take."""


def credentials(settings: WorkerSettings) -> Any:
    """Faust's credentials object for the settings; None for PLAINTEXT."""
    context = tls(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.sasl_user, password=settings.sasl_password,
            mechanism=settings.sasl_mechanism, ssl_context=context,
        )  # fmt: skip
    return SSLCredentials(context) if context else None


def create_app(
    settings: WorkerSettings, pipeline: Pipeline, reader: Reader,
    on_stats: Callable[[], None] | None = None,
) -> Any:  # fmt: skip
    """The app around a pipeline and its reader; starting it is the caller's business (worker.py).

    Parameters
    ----------
    on_stats
        Called about once a second from the app's loop; must not block.
    """
    brokers = [f"kafka://{b.strip()}" for b in settings.brokers.split(",")]
    app = faust.App(
        settings.group, broker=brokers, broker_credentials=credentials(settings),
        producer_acks=-1, producer_compression_type="lz4",
        key_serializer="raw", value_serializer="raw",
        topic_allow_declare=False, topic_disable_leader=True, table_standby_replicas=0,
        web_enabled=False, datadir=str(settings.state_dir), worker_redirect_stdouts=False,
    )  # fmt: skip
    # Faust's word for an app that starts no consumer: it would join the group without a topic.
    app.producer_only = True
    told = partial(publish, app, settings.topics, joined=settings.joined)

    @app.service
    class Reading(faust.Service):
        @faust.Service.task
        async def _read(self) -> None:
            await reader.run(told)

        async def on_stop(self) -> None:
            await reader.stop()

    async def pass_time() -> None:
        # An exception in a timer would end the whole worker silently; a failed send is tried again next time.
        try:
            if reader.ready:
                await told(pipeline.passing_time(time.time_ns() // 1_000_000))
            if on_stats is not None:
                on_stats()
        except Exception:
            log.exception("the once-a-second look failed")

    app.timer(1.0, name="pass_time")(pass_time)
    app.timer(LOOK_AT_ENDS_S, name="ends")(reader.membership.look_at_ends)
    _keep(app, settings, pipeline, reader)
    if settings.joined:
        _sum(app, settings, pipeline, reader)
    return app


def _keep(app: Any, settings: WorkerSettings, pipeline: Pipeline, reader: Reader) -> None:
    """Have what is learnt written down in turns, and all of it at an orderly end.

    In a timer of its own: a topic that is missing, or Kafka away, must not hold up what was found.
    """
    keeping, topics = pipeline.keeping, settings.topics
    away = False

    async def keep() -> None:
        nonlocal away
        try:
            await write_down(app, topics, keeping.due(time.time_ns() // 1_000_000, settings.keep_s))
        except Exception as error:  # noqa: BLE001  in a timer, see above; a turn later there is newer
            if not away:
                log.warning("Kafka does not take what was learnt (%r); later again", error)
            away = True
        else:
            away = False

    async def keep_all(*_: Any, **__: Any) -> None:
        await reader.stop()
        try:
            async with asyncio.timeout(KEEP_AT_END_S):
                await write_down(app, topics, keeping.all())
        except Exception as error:  # noqa: BLE001  the end goes on
            log.warning("not all that was learnt could be written down (%r)", error)

    app.timer(1.0, name="keep")(keep)
    app.on_before_shutdown.connect(keep_all)


def _sum(app: Any, settings: WorkerSettings, pipeline: Pipeline, reader: Reader) -> None:
    """Have it told what the racks draw, once: the next tick is as good."""
    name = settings.instance or f"{socket.gethostname()}-{os.getpid()}"
    summing = Summing(pipeline.engine, name)

    async def tell() -> None:
        if not reader.ready:
            return
        try:
            for totals in summing.due(time.time_ns() // 1_000_000):
                await app.send(
                    settings.topics.racks, value=encode(totals), key_serializer="raw", value_serializer="raw"
                )  # fmt: skip
        except Exception as error:  # noqa: BLE001  in a timer: an exception would end the worker silently
            log.debug("what the racks draw is not told (%r)", error)

    app.timer(1.0, name="sum")(tell)


async def publish(app: Any, topics: Topics, effects: Effects, *, joined: bool = False) -> None:
    """Send effects and wait until Kafka has them all, so that the offset may follow.

    Incidents are findings where a cluster detector makes incidents of them. While Kafka is away they are sent again: the same ids, so a reader that gets one twice sees one.
    """
    away = False
    while True:
        try:
            await _send(app, topics, effects, joined=joined)
        except KafkaError as error:
            if not away:
                log.warning("Kafka does not take what was found (%r); sending it again", error)
            away = True
            await asyncio.sleep(AGAIN_S)
        else:
            break
    if away:
        log.warning("Kafka takes records again")


async def write_down(app: Any, topics: Topics, records: Iterable[Baselines]) -> None:
    """Send what was learnt, once, and wait until Kafka has it.

    Nothing is committed after it and a record of the next turn replaces it: so it is not sent again.
    """
    handed = []
    for record in records:
        handed.append(
            await app.send(
                topics.baselines, key=rack_key(record.rack), value=encode(record),
                key_serializer="raw", value_serializer="raw",
            )
        )  # fmt: skip
        if len(handed) >= EFFECTS_AT_ONCE:
            await asyncio.gather(*handed)
            handed.clear()
    await asyncio.gather(*handed)


async def _send(app: Any, topics: Topics, effects: Effects, *, joined: bool) -> None:
    into = topics.findings if joined else topics.incidents
    sends = [(into, i.id.encode(), encode(i)) for i in effects.incidents]
    sends += [(topics.anomalies, rack_key(a.rack), encode(a)) for a in effects.anomalies]
    sends += [(topics.rejects, b"", encode(r)) for r in effects.rejects]
    for start in range(0, len(sends), EFFECTS_AT_ONCE):
        handed = [
            await app.send(
                topic, key=key or None, value=value, key_serializer="raw", value_serializer="raw"
            )
            for topic, key, value in sends[start : start + EFFECTS_AT_ONCE]
        ]
        await asyncio.gather(*handed)
