"""Runs a sink as a process: Kafka and ClickHouse at its sides, and signals that end it."""

import signal
from types import FrameType

from coldplate.sinks.client import Client
from coldplate.sinks.consumer import KafkaReader
from coldplate.sinks.lag import OnEvent
from coldplate.sinks.loop import OnStats, Sink
from coldplate.sinks.settings import SinkSettings
from coldplate.sinks.store import ClickHouseStore
from coldplate.wire.lasting import keep_for_good


def run_sink(
    settings: SinkSettings, on_stats: OnStats | None = None, on_event: OnEvent | None = None
) -> None:
    """Work until SIGTERM or SIGINT; must be called in the main thread.

    Parameters
    ----------
    settings
        Where from, where to.
    on_stats
        Called about once a second with counts, see `Stats`.
    on_event
        Takes events that the sink has to tell, see `Sink`.
    """
    consumer = KafkaReader(settings)
    client = Client(settings.clickhouse)
    sink = Sink(settings, consumer, ClickHouseStore(client), on_stats, on_event)

    def ask(_number: int, _frame: FrameType | None) -> None:
        sink.stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    keep_for_good()
    try:
        sink.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        consumer.close()
        client.close()
