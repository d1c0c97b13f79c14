"""Telegraf with its Kafka consumer, to a file: how the relay between Kafka and a database costs, without the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.benching.peers.built import built
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.kafka_fed import KafkaFed
from coldplate.console.benching.peers.peer import Figures, Stage, configuration
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Records, lines
from coldplate.console.benching.production import Cycle
from coldplate.console.stack.part import Part

TOOL = GoTool(
    "github.com/influxdata/telegraf/cmd/telegraf", "v1.37.1",
    "custom,inputs.kafka_consumer,outputs.file,parsers.influx,serializers.influx",
)  # fmt: skip
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Telegraf:
    """Kafka to lines in a file."""

    name: str = "telegraf"
    stage: Stage = "sink"
    does_not: Sequence[str] = (
        "store: it writes a file, and a database's cost comes on top",
        "take frames apart: it is given lines of text, and making them is not counted",
        "relay exactly once: what was read and not yet written comes again after a crash",
    )
    objection: str = (
        "InfluxData's people: Telegraf is a collector with 300 inputs, and nobody chooses it for bulk; its text format has a"
        " number for each value, where a frame has columns."
    )
    configuration: Sequence[str] = ("telegraf.conf",)

    def version(self, ground: Ground) -> str:
        """As it was built."""
        built(TOOL, ground)
        return TOOL.version

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Lines in against lines in the file."""
        records = Records(cycle, lines)
        with self._reading(ground) as running:
            return follow(ground, running, records, self.name)

    @contextmanager
    def _reading(self, ground: Ground) -> Iterator[KafkaFed]:
        folder = ground.context.state.folder(self.name)
        topic, written = f"{self.name}.lines", _Lines(folder / "out.lines")
        ground.topics(topic)
        config = folder / "telegraf.conf"
        filled = Template(configuration("telegraf.conf")).substitute(
            kafka=ground.endpoints.kafka, topic=topic, file=written.path
        )
        config.write_text(filled, "utf-8")
        argv = (str(built(TOOL, ground)), "--config", str(config), "--quiet")
        try:
            with ground.running(Part(self.name, argv)) as pid:
                yield KafkaFed(
                    ground, {"": topic}, {self.name: pid}, written.count, "rows",
                    "lines handed to Kafka's client to lines in the file",
                )  # fmt: skip
        finally:
            written.path.unlink(missing_ok=True)


class _Lines:
    """Counts the lines of a file that grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_bytes = self._lines = 0

    def count(self) -> int:
        """So far."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._read_bytes)
            while chunk := file.read(CHUNK_BYTES):
                self._lines += chunk.count(b"\n")
                self._read_bytes += len(chunk)
        return self._lines
