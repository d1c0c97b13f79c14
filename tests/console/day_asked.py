"""The recorded day in a real ClickHouse, with what detectors said, for commands that ask it as the reader."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace

import msgspec
from click.testing import CliRunner
from sinks.day import CLUSTER, TOPICS, Loaded, load_day
from sinks.servers import database

from coldplate.console.context import Context
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.codec import encode
from coldplate.wire.incident import Anomaly, Evidence, Severity


@dataclass
class Asked:
    """A stored day.

    Parameters
    ----------
    loaded
        When it was.
    owner
        A client that may write.
    url
        Of the reader.
    """

    loaded: Loaded
    owner: Client
    url: str

    def run(self, command, *words):
        """A command in this process; its result, or the exception that ended it."""
        given = {"obj": Context(), "env": {"COLDPLATE_CLICKHOUSE": self.url}}
        return CliRunner().invoke(command, [str(w) for w in words], **given)

    def told(self, command, *words):
        """The object that a command prints."""
        ran = self.run(command, *words, "--json")
        assert ran.exception is None, ran.exception
        return json.loads(ran.stdout.splitlines()[-1])

    def evidence(self, incident):
        """Of its newest record, as its own times are."""
        sql = "SELECT evidence FROM incidents_now WHERE id = %(id)s"
        return [
            msgspec.json.decode(e, type=Evidence)
            for e in self.owner.execute(sql, {"id": incident})[0][0]
        ]

    def store(self, records, topic=TOPICS.anomalies):
        """Further records of a topic, by the sink's own code."""
        at = self.loaded.end_ms
        found = tuple(Record(topic, 0, n, at, encode(r)) for n, r in enumerate(records))
        batch = Batch(topic, 0, 0, len(found) - 1, found)
        for table, columns in prepare(batch, TOPICS, CLUSTER, Dedup()).inserts:
            self.owner.insert(table, columns, None)


@contextmanager
def asked_day(endpoints):
    """Store it in a database of its own."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        loaded = load_day(owner)
        reader = ClickHouseSettings.from_url(endpoints.clickhouse_reader)
        s = replace(reader, database=settings.database)
        yield Asked(
            loaded, owner, f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"
        )


def fired(e, kind, *, on=True, t_ms=None):
    """The anomaly behind a piece of evidence."""
    rack = e.subject.partition("/")[0]
    return Anomaly(
        CLUSTER, e.detector, kind, e.subject, rack, t_ms or e.t_ms, on, Severity.WARNING, e
    )
