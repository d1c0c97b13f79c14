"""ClickHouse's own Kafka engine with a materialized view a table: the sink's stage without a sink.

It reads the rows that the sink would make of the frames, so somebody else must have taken the frames apart, and that is not
counted. It writes into the sink's own tables, with everything that hangs on them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from string import Template
from typing import Literal

from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.kafka_fed import KafkaFed
from coldplate.console.benching.peers.peer import Figures, Stage, configuration
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Form, Records, binary_rows, json_rows
from coldplate.console.benching.peers.tables import emptied, stored_rows, with_bytes
from coldplate.console.benching.production import Cycle
from coldplate.console.failure import Failure
from coldplate.sinks.client import Client
from coldplate.sinks.rollups import STORED_TIERS, stats_name, stats_of
from coldplate.sinks.tables import SAMPLE_TABLES, raw_column

FORMS: Mapping[str, Form] = {"JSONEachRow": json_rows, "RowBinary": binary_rows}


@dataclass(frozen=True)
class ClickHouseKafka:
    """One format of the engine.

    Parameters
    ----------
    format
        Of `FORMS`.
    """

    format: Literal["JSONEachRow", "RowBinary"]
    stage: Stage = "sink"
    does_not: Sequence[str] = (
        "take frames apart: it is given their rows, and making them is not counted",
        "store exactly once: rows may come twice after a crash",
        "know frames that it has already stored, or write down which frames there were",
        "check who sent a record, or set aside a bad one with its reason without more set-up",
    )
    objection: str = (
        "ClickHouse's people: on a server with more cores they would give each partition a consumer and a thread, and"
        " let 7.5 s pass between inserts; the tables and codecs are ours, which costs both sides the same. Its rollups are made"
        " by materialized views of each insert, as ours were, where our sink gathers a minute."
    )
    configuration: Sequence[str] = ("clickhouse_kafka.sql",)

    @property
    def name(self) -> str:
        """With the format."""
        return f"clickhouse-kafka-{self.format.lower()}"

    def version(self, ground: Ground) -> str:
        """The server's."""
        with ground.client() as client:
            return str(client.execute("SELECT version()")[0][0])

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Rows in against rows in the tables."""
        records = Records(cycle, FORMS[self.format])
        with ground.client() as client, emptied(client), self._reading(ground, client) as running:
            return with_bytes(follow(ground, running, records, self.name), client)

    @contextmanager
    def _reading(self, ground: Ground, client: Client) -> Iterator[KafkaFed]:
        topics = {t.name: f"{self.name}.{t.name}" for t in SAMPLE_TABLES}
        ground.topics(*topics.values())
        made: list[str] = []
        try:
            for table, topic in topics.items():
                made += (f"peer_{table}_feed", f"peer_{table}")
                for statement in self._statements(client, ground, table, topic):
                    client.execute(statement)
            for table, tier in product(SAMPLE_TABLES, STORED_TIERS):
                made.append(f"peer_{stats_name(table, tier)}")
                rolls_up = f"{made[-1]} TO {stats_name(table, tier)} AS {stats_of(table, tier)}"
                client.execute(f"CREATE MATERIALIZED VIEW {rolls_up}")
            yield KafkaFed(
                ground, topics, {"clickhouse": ground.servers["clickhouse"]},
                lambda: stored_rows(client), "rows", "record handed to Kafka's client to row in the table",
            )  # fmt: skip
        finally:
            for table in made:
                client.execute(f"DROP TABLE IF EXISTS {table} SYNC")

    def _statements(self, client: Client, ground: Ground, table: str, topic: str) -> list[str]:
        columns = client.execute(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase()"
            " AND table = %(table)s AND default_kind IN ('', 'DEFAULT') ORDER BY position",
            {"table": table},
        )
        types = {str(name): str(kind) for name, kind in columns}
        # Binary rows have no names: the order is that of the rows that we make.
        names = list(_order(table, types))
        text = Template(configuration("clickhouse_kafka.sql")).substitute(
            table=table, columns=", ".join(f"{n} {types[n]}" for n in names), topic=topic, format=self.format,
            kafka=ground.endpoints.kafka, names=", ".join(names),
            flush_ms=round(1000 * ground.context.config.sink.flush_s),
        )  # fmt: skip
        told = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        return [s for s in told.split(";") if s.strip()]


def _order(table: str, types: Mapping[str, str]) -> Iterator[str]:
    (known,) = (t for t in SAMPLE_TABLES if t.name == table)
    for name in (
        "device",
        "t",
        "boot",
        "seq",
        "present",
        "tick_ms",
        *map(raw_column, known.metrics),
    ):
        if name not in types:
            raise Failure(f"{table} has no column {name}")
        yield name
