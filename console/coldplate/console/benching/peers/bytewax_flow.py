"""The peer's program: Bytewax reads frames from Kafka, our pipeline judges them, Bytewax writes what was found.

    python bytewax_flow.py KAFKA PREFIX INVENTORY PARAMETERS STATS

It runs in the peer's own environment, which lacks our packages: those are added behind its own. Its modules are imported by
name, since ours has none of them. A batch of up to 1,000 records a poll is what its source's documentation names for throughput
(bytewax.connectors.kafka.KafkaSource, `batch_size`); one worker, since a second would have to share our state.
"""

import os
import site
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

OURS = "COLDPLATE_PEER_PACKAGES"
BATCH = 1000


def main(kafka: str, prefix: str, inventory: str, parameters: str, stats: str) -> None:
    """Until told to end."""
    site.addsitedir(os.environ[OURS])
    from coldplate.console.running import StatsFile
    from coldplate.wire.lasting import keep_for_good

    judge = _Judge(prefix, Path(inventory), Path(parameters))
    # As a worker does before its first frame.
    keep_for_good()
    op, connectors = import_module("bytewax.operators"), import_module("bytewax.connectors.kafka")
    flow = import_module("bytewax.dataflow").Dataflow("peer")
    source = connectors.KafkaSource([kafka], [judge.topics.frames], batch_size=BATCH)
    read = op.input("frames", flow, source)
    told = op.flat_map_batch("judge", read, judge)
    op.output("told", told, connectors.KafkaSink([kafka], None))
    with StatsFile(stats, judge.counts):
        import_module("bytewax.run").cli_main(flow)


class _Judge:
    """Our pipeline as a function of batches."""

    def __init__(self, prefix: str, inventory: Path, parameters: Path) -> None:
        from coldplate.streams.parameters import load_parameters
        from coldplate.streams.pipeline import Pipeline
        from coldplate.wire.inventory import load
        from coldplate.wire.topic import Topics

        self.topics = Topics(prefix)
        self._pipeline = Pipeline("coldplate", load(inventory), load_parameters(parameters))
        self._next_look_s = 0.0
        self._message = import_module("bytewax.connectors.kafka").KafkaSinkMessage

    def __call__(self, batch: Sequence[Any]) -> Iterator[Any]:
        """What was found in some records, as messages for its sink."""
        from coldplate.streams.pipeline import Record

        records = [Record(m.topic, m.partition, m.offset, m.timestamp[1], m.value) for m in batch]
        now_ms = time.time_ns() // 1_000_000
        effects = [self._pipeline.frames(records, now_ms)]
        if time.monotonic() >= self._next_look_s:
            self._next_look_s = time.monotonic() + 1.0
            effects.append(self._pipeline.passing_time(now_ms))
        return (m for e in effects for m in self._messages(e))

    def _messages(self, effects: Any) -> Iterator[Any]:
        from coldplate.wire.codec import encode
        from coldplate.wire.topic import rack_key

        for topic, found in (
            (self.topics.anomalies, effects.anomalies),
            (self.topics.incidents, effects.incidents),
            (self.topics.rejects, effects.rejects),
        ):
            for record in found:
                key = rack_key(getattr(record, "rack", ""))
                yield self._message(key, encode(record), topic=topic)

    def counts(self) -> dict[str, Any]:
        """As our worker counts."""
        return {"frames": self._pipeline.engine.counts["frames"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
