"""A ClickHouse database for one test."""

from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryRefused
from coldplate.sinks.settings import ClickHouseSettings

ACCESS_DENIED = 497


@contextmanager
def database(url):
    """Settings of an empty database; where the owner may make none, its own is emptied."""
    given = ClickHouseSettings.from_url(url)
    name = f"test_{uuid4().hex[:12]}"
    with Client(given) as owner:
        try:
            owner.execute(f"CREATE DATABASE {name}")
        except HistoryRefused as refusal:
            if refusal.code != ACCESS_DENIED:
                raise
            _empty(owner)
            yield given
            _empty(owner)
        else:
            yield replace(given, database=name)
            owner.execute(f"DROP DATABASE {name} SYNC")


def _empty(owner):
    sql = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
    # Views first, for they read the tables.
    for name, _ in sorted(owner.execute(sql), key=lambda row: not row[1].endswith("View")):
        owner.execute(f"DROP TABLE `{name}` SYNC")
