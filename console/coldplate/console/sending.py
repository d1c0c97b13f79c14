"""Runs a collector with the agent's loop and publisher: what `agent`, `twin run` and `twin replay` share."""

import time
from typing import Any

from coldplate.agents.collector import Collector
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.agents.publisher import KafkaPublisher
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.pacing import Pace
from coldplate.console.running import Ledger, StatsFile, stop_on_signals

CLOSE_WITHIN_S = 15.0


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
    publisher = KafkaPublisher(context.kafka, queue_bytes_max=settings.queue_bytes_max)
    book = Ledger(ledger)
    with stop_on_signals() as stop:
        # The wall clock is the loop's own; any other time is paced.
        pace = Pace(speed, back_s, stop, publisher.counts) if back_s or speed != 1.0 else None
        loop = Loop(
            collector, framer, publisher, context.topics, on_frame=book.frame, on_event=book.event,
            clock=pace.clock if pace else time.time,
        )  # fmt: skip

        def counts() -> dict[str, Any]:
            out = {**loop.counts, **{f"records_{k}": v for k, v in publisher.counts().items()}}
            return {"boot": boot, "started_ms": getattr(collector, "started_ms", None), **out}

        with StatsFile(stats, counts):
            try:
                loop.run(pace or stop, for_s)
            finally:
                publisher.close(CLOSE_WITHIN_S)
                collector.close()
                book.close()
    final = counts()
    if final["records_pending"]:
        raise Failure(
            f"{final['records_pending']} records were not acknowledged by Kafka at {context.brokers}"
        )
    return final
