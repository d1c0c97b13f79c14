"""Runs a collector with the agent's loop and publisher: what `agent` and `twin run` have in common."""

from typing import Any

from coldplate.agents.collector import Collector
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.agents.publisher import KafkaPublisher
from coldplate.console.context import Context
from coldplate.console.failure import Failure
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
) -> dict[str, Any]:
    """Sample and publish until a stop signal or for `for_s` seconds; the counts at the end.

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
    loop = Loop(
        collector, framer, publisher, context.topics, on_frame=book.frame, on_event=book.event
    )

    def counts() -> dict[str, Any]:
        out = {**loop.counts, **{f"records_{k}": v for k, v in publisher.counts().items()}}
        return {"boot": boot, "started_ms": getattr(collector, "started_ms", None), **out}

    with stop_on_signals() as stop, StatsFile(stats, counts):
        try:
            loop.run(stop, for_s)
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
