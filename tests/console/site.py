"""A hall with a real Kafka and a real history, the sink between them, and the commands in this process."""

import json
import warnings
from contextlib import closing, contextmanager
from uuid import uuid4

from click.testing import CliRunner
from sinks.servers import database
from waiting import await_that

from coldplate.console.main import cli
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.consumer import KafkaReader
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.loop import Sink
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import SinkSettings
from coldplate.sinks.store import ClickHouseStore
from coldplate.wire.codec import encode
from coldplate.wire.inventory import generate
from coldplate.wire.topic import Topics

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import KafkaAdminClient


class Site:
    """What stands there."""

    def __init__(self, client, sink, topics, environ):
        self.client, self.environ = client, environ
        self._sink, self._topics, self._stored = sink, topics, 0

    def run(self, *words, **environ):
        """The command's result."""
        env = {"COLDPLATE_INVENTORY": None, "COLDPLATE_CONFIG": None, **self.environ, **environ}
        return CliRunner().invoke(cli, [str(w) for w in words], env=env)

    def ok(self, *words, **environ):
        """What it printed, when all went well."""
        ran = self.run(*words, **environ)
        assert ran.exception is None, ran.exception
        return ran.stdout

    def told(self, *words, **environ):
        """The JSON of its last line."""
        return json.loads(self.ok(*words, "--json", **environ).splitlines()[-1])

    def refused(self, *words):
        """What a person is told, with the exit code."""
        found = self.run(*words).exception
        return str(found), getattr(found, "exit_code", None)

    def store(self, *records):
        """Incidents as the sink stores them."""
        kept = tuple(
            Record(self._topics.incidents, 0, self._stored + n, 0, encode(r))
            for n, r in enumerate(records)
        )
        self._stored += len(kept)
        batch = Batch(self._topics.incidents, 0, 0, len(kept) - 1, kept)
        for table, columns in prepare(batch, self._topics, "coldplate", Dedup()).inserts:
            self.client.insert(table, columns, None)

    def actions(self, incident=""):
        """Verbs in the history, with who and the id that they concern."""
        return self.client.execute(
            "SELECT verb, who, text FROM actions FINAL WHERE incident = %(i)s ORDER BY t",
            {"i": incident},
        )

    def stored(self, count, incident=""):
        """Let the sink work until so many actions about an incident are in the history."""

        def look():
            self._sink.step()
            return len(self.actions(incident)) >= count

        await_that(look, 30, f"{count} actions in the history")
        return self.actions(incident)


@contextmanager
def site(clickhouse_url, kafka_bootstrap):
    """One with an inventory of two racks, and no incidents."""
    topics = Topics(f"t{uuid4().hex[:8]}")
    with closing(KafkaAdminClient(bootstrap_servers=kafka_bootstrap)) as admin:
        made = {"num_partitions": 1, "replication_factor": 1}
        admin.create_topics({spec.name: made for spec in topics.specs()})
    with database(clickhouse_url) as settings, Client(settings) as client:
        migrate(client)
        store_inventory(client, generate(2))
        reader = KafkaReader(
            found := SinkSettings(
                brokers=(kafka_bootstrap,), cluster="coldplate", clickhouse=settings, topics=topics,
                group=topics.prefix, flush_s=0.05,
            )
        )  # fmt: skip
        s = settings
        environ = {
            "COLDPLATE_CLICKHOUSE": f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}",
            "COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_TOPIC_PREFIX": topics.prefix,
        }  # fmt: skip
        with closing(reader), Client(settings) as other:
            yield Site(client, Sink(found, reader, ClickHouseStore(other)), topics, environ)
