"""The schema as it is on a cluster: rendered from the same files, and parsed by the real ClickHouse, which has no Keeper here."""

import re

import pytest
from sinks.servers import database

from coldplate.sinks.client import Client
from coldplate.sinks.cluster import Cluster, OnCluster, sharding_keys
from coldplate.sinks.migrate import known, migrate
from coldplate.sinks.retention import Retention, retain
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.inventory import device_key

CLUSTER = Cluster("halls")


class Noted:
    """A client that notes statements instead of executing them."""

    def __init__(self):
        self.said = []

    def execute(self, sql, params=None):
        self.said.append(sql)
        return []


@pytest.fixture(scope="module")
def rendered():
    noted = Noted()
    migrate(OnCluster(noted, CLUSTER))
    return noted.said


def test_every_table_is_replicated_and_seen_across_shards(rendered):
    """No table of a single server is left; whatever is changed later is distributed anew."""
    made = [s for s in rendered if s.startswith("CREATE TABLE")]
    names = {
        re.match(r"CREATE TABLE IF NOT EXISTS (?:\w+\.)?(\w+) ON CLUSTER halls", s)[1] for s in made
    }
    assert {t.name for t in SAMPLE_TABLES} | {
        "frames",
        "events",
        "inventory",
        "gpu_1m_stats",
    } <= names
    unreplicated = [s for s in made if "ENGINE = Replicated" not in s]
    # They keep nothing: what took samples for later, and what takes minutes of them.
    assert 2 * len(SAMPLE_TABLES) == len(unreplicated)
    dropped = [
        s
        for s in rendered
        if re.match(r"DROP TABLE IF EXISTS (coldplate_shard\.)?gpu_later ON CLUSTER halls SYNC", s)
    ]
    assert 2 == len(dropped)
    assert all("_later ON" in s and "ENGINE = Null" in s for s in unreplicated)
    assert not [s for s in rendered if "non_replicated" in s]
    distributed = [re.match(r"CREATE OR REPLACE TABLE (\w+) ", s) for s in rendered]
    assert names - {"migrations"} == {m[1] for m in distributed if m}
    at = next(
        i for i, s in enumerate(rendered) if s.startswith("ALTER TABLE coldplate_shard.gpu_samples")
    )
    assert rendered[at + 1].startswith("CREATE OR REPLACE TABLE gpu_samples ")


def test_a_rack_stays_on_one_shard():
    """Samples and rollups by the part of the key that is the rack's; what replaces a row is where the row is."""
    keys = sharding_keys()
    for table in ("gpu_samples", "cdu_samples", "gpu_1h_stats", "inventory"):
        assert keys[table] == "bitShiftRight(device, 40)"
    assert keys["incidents"] == "cityHash64(id)"
    racks = {
        device_key("rack-1", d) >> 40
        for d in ("rack-1/cdu", "rack-1/node-0/gpu-0", "rack-1/node-7/gpu-7")
    }
    assert len(racks) == 1


def test_what_feeds_rollups_stays_within_the_shard(rendered):
    """Feeds read and write the shard's own tables; views for people read across all."""
    feeds = [s for s in rendered if s.startswith("CREATE MATERIALIZED VIEW")]
    assert len(feeds) >= 3 * len(SAMPLE_TABLES)
    for feed in feeds:
        assert not re.search(r"\b(?:FROM|TO|EXISTS) (?!coldplate_shard\.)\w", feed), feed
    views = [s for s in rendered if s.startswith("CREATE OR REPLACE VIEW")]
    assert views
    assert not [s for s in views if "coldplate_shard" in s]


def test_retention_is_set_on_the_shards():
    """It asks for and changes the shards' tables."""
    noted = Noted()
    retain(OnCluster(noted, CLUSTER), Retention())
    assert "database = 'coldplate_shard'" in noted.said[1]
    ttl = [s for s in noted.said if "MODIFY TTL" in s]
    assert ttl
    assert all(s.startswith("ALTER TABLE coldplate_shard.") for s in ttl)


@pytest.mark.e2e
def test_clickhouse_parses_every_statement(rendered, clickhouse_url):
    """As far as one server can tell: the syntax. On the other files of the schema it is the same test."""
    assert len(rendered) > sum(len(m.statements) for m in known())
    with database(clickhouse_url) as settings, Client(settings) as client:
        for statement in rendered:
            if "%(" not in statement:
                assert client.execute(
                    "SELECT length(formatQuery(%(sql)s)) > 0", {"sql": statement}
                ) == [(1,)]


def test_a_name_that_is_none_is_refused():
    """It would stand in statements as it is."""
    with pytest.raises(ValueError, match="no name"):
        Cluster("halls; DROP")
