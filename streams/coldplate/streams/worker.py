"""The worker process: a Faust app, run until told to stop.

Two things are watched from a thread, because the app's own loop cannot: a shutdown that hangs, and a worker that
stopped consuming without dying (a known family after broker losses). Both end the process with an exit code, and
whoever supervises it starts it anew.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import faust
from aiokafka.errors import KafkaError

from coldplate.streams.app import create_app
from coldplate.streams.connection import client_options
from coldplate.streams.ending import EXIT_FAILED
from coldplate.streams.parting import leave
from coldplate.streams.pipeline import Pipeline
from coldplate.streams.reading import Reader
from coldplate.streams.settings import WorkerSettings
from coldplate.streams.tail import ask_history, restore
from coldplate.wire.inventory import Inventory
from coldplate.wire.lasting import keep_for_good
from coldplate.wire.ports import History
from coldplate.wire.refusal import reason

log = logging.getLogger(__name__)

STOP_WITHIN_S = 8.0
STALLED_AFTER_S = 60.0


def run_worker(
    settings: WorkerSettings,
    inventory: Inventory | None = None,
    on_stats: Callable[[dict[str, Any]], None] | None = None,
    history: History | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; does not return.

    Parameters
    ----------
    on_stats
        Called about once a second with counts; default writes nothing.
    history
        Has what was learnt before; None learns anew.
    """
    pipeline = Pipeline(settings.cluster, inventory, settings.parameters, settings.seals)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_ask_when_kafka_is_up(settings, pipeline, history))

    async def restored(partitions: AbstractSet[int]) -> None:
        await restore(settings, pipeline, partitions)
        keep_for_good()

    reader = Reader(settings, pipeline, restored, lambda *parted: leave(pipeline, *parted))

    def tell() -> None:
        if on_stats is not None:
            partitions, behind = reader.membership.reads(), sum(reader.behind())
            on_stats({**stats(pipeline), "partitions": partitions, "behind_records": behind})

    app = create_app(settings, pipeline, reader, tell)
    _Watch(app, reader).start()
    worker = faust.Worker(app, loop=loop, loglevel="WARNING", override_logging=False, quiet=True)
    worker.execute_from_commandline()


def stats(pipeline: Pipeline) -> dict[str, Any]:
    """Counts of a pipeline as one flat object."""
    counts = pipeline.engine.counts
    return {
        "frames": counts["frames"],
        "values": counts["values"],
        "late_ticks": counts["late_ticks"],
        "rejected": dict(pipeline.rejected),
        "unknown_devices": len(pipeline.engine.fleet.strangers),
        "open_incidents": len(pipeline.correlator.open_cases),
        "state_bytes": pipeline.engine.nbytes,
        "baselines_kept": pipeline.keeping.counts["kept"],
        "baselines_recalled": pipeline.keeping.counts["recalled"],
        "delay": pipeline.delays.as_dict(),
    }


async def _ask_when_kafka_is_up(
    settings: WorkerSettings, pipeline: Pipeline, history: History | None
) -> None:
    said = False
    while True:
        try:
            await ask_history(settings, pipeline, history)
        except (KafkaError, OSError) as error:
            if not said:
                said = True
                why = await asyncio.to_thread(reason, error, client_options(settings))
                log.warning("Kafka at %s is not there yet (%s); waiting", settings.brokers, why)
            await asyncio.sleep(1.0)
            continue
        if said:
            log.warning("Kafka is there")
        return


class _Watch(threading.Thread):
    """Ends the process when it hangs at shutdown or stops consuming."""

    def __init__(self, app: Any, reader: Reader) -> None:
        super().__init__(name="watch", daemon=True)
        self._app, self._reader = app, reader

    def run(self) -> None:
        progress, since = -1, time.monotonic()
        while True:
            if self._app.should_stop:
                time.sleep(STOP_WITHIN_S)
                log.warning("shutdown took more than %.0f s; ending", STOP_WITHIN_S)
                os._exit(0)
            done = self._reader.done
            if done != progress or not any(self._reader.behind()):
                progress, since = done, time.monotonic()
            elif time.monotonic() - since > STALLED_AFTER_S:
                log.critical(
                    "nothing consumed for %.0f s though there is more; ending", STALLED_AFTER_S
                )
                os._exit(EXIT_FAILED)
            time.sleep(0.5)
