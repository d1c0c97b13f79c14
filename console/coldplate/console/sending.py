"""Runs a collector with the agent's loop and publisher: what `twin run` and `twin replay` share with the agent."""

import time
from pathlib import Path
from typing import Any

from coldplate.agents.collector import Collector
from coldplate.agents.framer import Framer
from coldplate.agents.gate import Gate
from coldplate.agents.loop import Loop, boottime_s
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.spool.disk import SpooledQueue
from coldplate.agents.spool.errors import SpoolBusy
from coldplate.console.context import Context
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.console.keys import signer_of
from coldplate.console.pacing import Pace
from coldplate.console.running import Ledger, StatsFile, stop_on_signals

CLOSE_WITHIN_S = 15.0


def publisher_of(
    context: Context, spool: Path | None = None, gate: Gate | None = None
) -> KafkaPublisher:
    """A publisher as the configuration says.

    Parameters
    ----------
    spool
        Folder in which what waits is kept; None keeps it in memory.
    gate
        Asked about each record before it is sent.

    Raises
    ------
    Failure
        When another process has the folder.
    """
    config = context.config.agent
    settings, waiting = context.kafka, None
    if spool is not None and config.spool.mode == "disk":
        try:
            waiting = SpooledQueue(spool, config.spool, first_topics=(context.topics.events,))
        except SpoolBusy as error:
            raise Failure(f"{error}; agent.state_dir names another folder", NOT_THERE) from None
    return KafkaPublisher(
        settings, queue_bytes_max=config.queue_bytes_max, waiting=waiting, gate=gate, signer=signer_of(context)
    )  # fmt: skip


def counts_of(loop_counts: dict[str, int], publisher: KafkaPublisher) -> dict[str, Any]:
    """Counts of a loop and its publisher, as they stand in `--stats`."""
    return {**loop_counts, **{f"records_{k}": v for k, v in publisher.counts().items()}}


def check_sent(context: Context, final: dict[str, Any]) -> None:
    """Refuse to end well when records are lost; those on disk wait for the next start.

    Raises
    ------
    Failure
        When records were not acknowledged; says how many.
    """
    if lost := final["records_unsaved"]:
        raise Failure(f"{lost} records were not acknowledged by Kafka at {context.brokers}")


def send(
    context: Context,
    collector: Collector,
    *,
    boot: int,
    for_s: float | None = None,
    ledger: str | None = None,
    stats: str | None = None,
    speed: float = 1.0,
    back_s: float = 0.0,
) -> dict[str, Any]:
    """Sample and publish until a stop signal or for `for_s` seconds of event time; the counts at the end.

    Parameters
    ----------
    speed, back_s
        Of event time, and how far in the past it begins (pacing.py); 1 and 0 are the wall clock itself.

    Raises
    ------
    Failure
        When records were not acknowledged at the end; says how many.
    """
    settings = context.config.agent
    framer = Framer(
        context.config.cluster, collector, boot, tick_ms=settings.tick_ms, ticks=settings.ticks
    )
    publisher = publisher_of(context)
    book = Ledger(ledger)
    with stop_on_signals() as stop:
        # The wall clock is the loop's own; any other time is paced.
        pace = Pace(speed, back_s, stop, publisher.counts) if back_s or speed != 1.0 else None
        loop = Loop(
            collector, framer, publisher, context.topics, on_frame=book.frame, on_event=book.event,
            clock=pace.clock if pace else time.time, boottime=pace.clock if pace else boottime_s,
        )  # fmt: skip

        def counts() -> dict[str, Any]:
            start = {"boot": boot, "started_ms": getattr(collector, "started_ms", None)}
            return {**start, **counts_of(loop.counts, publisher)}

        with StatsFile(stats, counts):
            try:
                loop.run(pace or stop, for_s)
            finally:
                publisher.close(CLOSE_WITHIN_S)
                collector.close()
                book.close()
    final = counts()
    check_sent(context, final)
    return final
