"""The Faust app: streams in, pipeline, effects out; five lines a worker function.

Set up as Faust 0.15.3 is sound: concurrency 1 (otherwise a commit can pass a record that is still being
processed), no tables, no exactly_once, no leader topic, no topic declaration, web off. Records are taken in
batches, as raw bytes; a batch's offsets are acknowledged by Faust after its effects are acknowledged by Kafka,
because `take_events` acknowledges when the loop asks for the next batch.
"""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.auth import SASLCredentials, SSLCredentials

from coldplate.streams.pipeline import Effects, Pipeline, Record
from coldplate.streams.settings import WorkerSettings
from coldplate.wire.baseline import Baselines
from coldplate.wire.codec import encode
from coldplate.wire.topic import Topics, rack_key

log = logging.getLogger(__name__)

TAKE_MAX = 1000
TAKE_WITHIN_S = 0.3
AGAIN_S = 1.0

EXIT_FAILED = 70
"""sysexits' EX_SOFTWARE: start me again."""

EFFECTS_AT_ONCE = 500
"""Sends awaited together: thousands of rejects in a row must not become thousands of futures."""


KEEP_AT_END_S = 4.0
"""For writing down what was learnt before the process ends; half of what the end may take."""


def credentials(settings: WorkerSettings) -> Any:
    """Faust's credentials object for the settings; None for PLAINTEXT."""
    context = _tls(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.sasl_user, password=settings.sasl_password,
            mechanism=settings.sasl_mechanism, ssl_context=context,
        )  # fmt: skip
    return SSLCredentials(context) if context else None


def create_app(
    settings: WorkerSettings, pipeline: Pipeline, on_stats: Callable[[Pipeline], None] | None = None
) -> Any:
    """The app over a pipeline; starting it is the caller's business (worker.py).

    Parameters
    ----------
    on_stats
        Called about once a second from the app's loop; must not block.
    """
    brokers = [f"kafka://{b.strip()}" for b in settings.brokers.split(",")]
    app = faust.App(
        settings.group, broker=brokers, broker_credentials=credentials(settings),
        consumer_group_instance_id=settings.instance or "", consumer_auto_offset_reset="earliest",
        broker_commit_interval=1.0, stream_buffer_maxsize=4096,
        producer_acks=-1, producer_compression_type="lz4",
        key_serializer="raw", value_serializer="raw",
        topic_allow_declare=False, topic_disable_leader=True, table_standby_replicas=0,
        web_enabled=False, datadir=str(settings.state_dir), worker_redirect_stdouts=False,
    )  # fmt: skip
    topics = settings.topics
    frames = app.topic(topics.frames, key_serializer="raw", value_serializer="raw")
    events = app.topic(topics.events, key_serializer="raw", value_serializer="raw")

    async def take_frames(stream: Any) -> None:
        async for batch in stream.take_events(TAKE_MAX, within=TAKE_WITHIN_S):
            with or_end():
                effects = pipeline.frames(records(batch), time.time_ns() // 1_000_000)
                await publish(app, topics, effects)

    async def take_events(stream: Any) -> None:
        async for event in stream.events():
            with or_end():
                await publish(app, topics, pipeline.events(records([event])))

    async def pass_time() -> None:
        # An exception in a timer would end the whole worker silently; a failed send is tried again next time.
        try:
            await publish(app, topics, pipeline.passing_time(time.time_ns() // 1_000_000))
            if on_stats is not None:
                on_stats(pipeline)
        except Exception:
            log.exception("the once-a-second look failed")

    app.agent(frames, concurrency=1, name="frames")(take_frames)
    app.agent(events, concurrency=1, name="events")(take_events)
    app.timer(1.0, name="pass_time")(pass_time)
    _keep(app, settings, pipeline)
    return app


def _keep(app: Any, settings: WorkerSettings, pipeline: Pipeline) -> None:
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
        try:
            async with asyncio.timeout(KEEP_AT_END_S):
                await write_down(app, topics, keeping.all())
        except Exception as error:  # noqa: BLE001  the end goes on
            log.warning("not all that was learnt could be written down (%r)", error)

    app.timer(1.0, name="keep")(keep)
    app.on_before_shutdown.connect(keep_all)


@contextmanager
def or_end() -> Iterator[None]:
    """End the process on an exception that nobody foresaw.

    Faust would log it, acknowledge what was not done, and go on as if healthy. Whoever is started after us reads
    again from the last offset that was committed, with effects.
    """
    try:
        yield
    except Exception:
        log.critical("a batch could not be worked on; ending, to be started anew", exc_info=True)
        os._exit(EXIT_FAILED)


def records(batch: Sequence[Any]) -> list[Record]:
    """Faust events as the pipeline's records."""
    out = []
    for event in batch:
        message = event.message
        value = message.value if isinstance(message.value, bytes) else b""
        stamp = int((message.timestamp or 0.0) * 1000)
        out.append(Record(message.topic, message.partition, message.offset, stamp, value))
    return out


async def publish(app: Any, topics: Topics, effects: Effects) -> None:
    """Send effects and wait until Kafka has them all, so that the offset may follow.

    While Kafka is away they are sent again: the same ids, so a reader that gets one twice sees one.
    """
    away = False
    while True:
        try:
            await _send(app, topics, effects)
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


async def _send(app: Any, topics: Topics, effects: Effects) -> None:
    sends = [(topics.incidents, i.id.encode(), encode(i)) for i in effects.incidents]
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


def client_options(settings: WorkerSettings) -> dict[str, Any]:
    """The same connection settings as keyword arguments of aiokafka's clients."""
    out: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        out["ssl_context"] = _tls(settings)
    if settings.security_protocol.startswith("SASL"):
        out |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_user,
            "sasl_plain_password": settings.sasl_password,
        }
    return out


def _tls(settings: WorkerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context
