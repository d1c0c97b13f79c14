"""Our own sink and worker, each alone: what the peers stand beside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from coldplate.agents.topics import create_topics
from coldplate.console.benching.peers.ground import PARTITIONS, Ground
from coldplate.console.benching.peers.kafka_fed import KafkaFed
from coldplate.console.benching.peers.peer import PARAMETERS, Figures, Stage
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Records
from coldplate.console.benching.peers.tables import emptied, stored_rows, with_bytes
from coldplate.console.benching.production import Cycle
from coldplate.console.chain import command, fresh
from coldplate.console.running import read_stats
from coldplate.console.stack.part import Part
from coldplate.wire.inventory import save_csv
from coldplate.wire.topic import Topics

ROLLUP_S = 5
"""Of a run of some twenty seconds, which is to have its rollups in it; 60 is usual, and cheaper."""


@dataclass(frozen=True)
class _Own:
    """What both have in common; each reads topics of its own."""

    does_not: Sequence[str] = ()
    objection: str = ""

    def version(self, ground: Ground) -> str:  # noqa: ARG002  it is this one
        """Of this project."""
        return version("coldplate")


@dataclass(frozen=True)
class ColdplateSink(_Own):
    """`coldplate sink` with its defaults but `ROLLUP_S`: frames to all tables and rollups, exactly once."""

    name: str = "coldplate-sink"
    stage: Stage = "sink"
    configuration: Sequence[str] = ()

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Rows that the frames hold against rows in the tables."""
        with ground.client() as client, emptied(client):
            figures = _follow(
                ground, cycle, self.name, "sink", (), "rows", lambda _: stored_rows(client),
                "frame handed to Kafka's client to row in the table",
            )  # fmt: skip
            return with_bytes(figures, client)


@dataclass(frozen=True)
class ColdplateWorker(_Own):
    """`coldplate worker`: all detectors and correlation."""

    name: str = "coldplate-worker"
    stage: Stage = "detect"
    configuration: Sequence[str] = (PARAMETERS.name,)

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Frames in against frames judged."""
        file = ground.context.state.folder("run") / "inventory.csv"
        save_csv(cycle.load.inventory(), file)
        options = ("--inventory", str(file), "--parameters", str(PARAMETERS))
        return _follow(
            ground, cycle, self.name, "worker", options, "frames",
            lambda stats: int(stats.get("frames", 0)),
            "frame handed to Kafka's client to frame judged, told once a second",
        )  # fmt: skip


def _follow(
    ground: Ground, cycle: Cycle, name: str, what: str, options: Sequence[str],
    unit: Literal["rows", "frames"], out: Callable[[Mapping[str, Any]], int], latency_of: str,
) -> Figures:  # fmt: skip
    """One of our parts as a process of its own, under a prefix of topics of its own."""
    topics = Topics(name)
    create_topics(ground.context.kafka, topics.specs(PARTITIONS))
    stats = ground.context.state.folder("run") / f"{name}.json"
    role = "writer" if what == "sink" else "reader"
    part = Part(
        name, command(what, *options, "--stats", str(stats)), health=fresh(stats), stop_limit_s=20.0,
        env={
            "COLDPLATE_TOPIC_PREFIX": name,
            "COLDPLATE_CLICKHOUSE": getattr(ground.endpoints, f"clickhouse_{role}"),
            "COLDPLATE_SINK__ROLLUP_S": str(ROLLUP_S),
        },
    )  # fmt: skip
    with ground.running(part) as pid:
        # What a worker costs ClickHouse is a look at its start.
        pids = {what: pid} | (
            {"clickhouse": ground.servers["clickhouse"]} if what == "sink" else {}
        )
        running = KafkaFed(
            ground, {"": topics.frames}, pids, lambda: out(read_stats(stats)), unit, latency_of
        )
        return follow(ground, running, Records(cycle), name)
