"""VictoriaMetrics, a single node: a series a device and metric, where the sink has rows.

It is fed by HTTP in InfluxDB's line protocol, the most compact of what it takes for many metrics of one device
(https://docs.victoriametrics.com/victoriametrics/integrations/influxdb); its reader of Kafka belongs to the enterprise edition.
Its page on capacity asks for half of the memory to be free and leaves all flags at their defaults
(https://docs.victoriametrics.com/victoriametrics/single-server-victoriametrics/#capacity-planning).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from coldplate.console.benching import victoria
from coldplate.console.benching.go_tool import GoTool
from coldplate.console.benching.peers.built import built
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.peer import Figures, Stage
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Message, Records, lines
from coldplate.console.benching.production import Cycle
from coldplate.console.stack.state import StateDir

TOOL = GoTool("github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics", "v1.140.0")
WRITE = "/write?precision=ms"


@dataclass(frozen=True)
class VictoriaMetrics:
    """Values into its storage."""

    name: str = "victoria-metrics"
    stage: Stage = "sink"
    does_not: Sequence[str] = (
        "read from Kafka: it is fed by HTTP, so the broker's and the reader's cost is missing",
        "take frames apart: it is given lines of text, and making them is not counted",
        "store exactly once: a write that is sent again is stored again, unless deduplication is on",
        "make rollups (enterprise edition), or join who owned a GPU",
    )
    objection: str = (
        "VictoriaMetrics' people: it keeps an inverted index for any labels, which these devices do not need; over weeks, with"
        " bigger parts, it compresses better than in a minute."
    )
    configuration: Sequence[str] = ("victoria_metrics.args",)

    def version(self, ground: Ground) -> str:
        """As it was built."""
        built(TOOL, ground)
        return TOOL.version

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Values in against values in its parts; bytes when they are merged."""
        records = Records(cycle, lines)
        with self._serving(ground) as running:
            figures = follow(ground, running, records, self.name)
            stored = running.client.merged_bytes()
        return replace(
            figures,
            more={**figures.more, "bytes_per_value": round(stored / max(figures.values, 1), 4)},
        )

    @contextmanager
    def _serving(self, ground: Ground) -> Iterator["_Fed"]:
        own = StateDir(ground.context.state.path / "victoria")
        own.acquire()
        try:
            part = victoria.victoria_part(own, built(TOOL, ground))
            with ground.running(part) as pid:
                yield _Fed(victoria.Victoria(part.ports[victoria.NAME]), {self.name: pid})
        finally:
            own.release()


class _Fed:
    """Implements `Running` by its HTTP API."""

    unit: Literal["rows", "frames", "values"] = "values"
    latency_of = "lines posted to values that a query finds"

    def __init__(self, client: victoria.Victoria, pids: Mapping[str, int]) -> None:
        self.client, self.pids = client, pids

    def feed(self, messages: Sequence[Message]) -> None:
        """One request for all."""
        self.client.ask("POST", WRITE, b"".join(m.payload for m in messages))

    def flush(self) -> None:
        """It has answered already."""

    def done(self) -> int:
        """Values in its parts; what is only in its buffers is found by nobody."""
        return self.client.rows()
