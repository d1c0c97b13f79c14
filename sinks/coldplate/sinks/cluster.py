"""The same schema on several servers: replicated tables on every shard, and what people and sinks see across all of them.

A shard's own tables stand in a database of their own (`coldplate_shard`); in the
database that everybody names stand Distributed tables over them, and the views for people. A device's key begins with its
rack, so a rack's samples and all that is made of them are on one shard. Statements are rendered one by one as they are
executed: migrations and retention know nothing of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coldplate.sinks.migrate import Statements, known

EVERYWHERE = "migrations"
"""Held whole by every server, not by shard."""

RACK_BITS = 40
"""Below them in a device's key is the id, above them the rack: see `device_key`."""

_CREATE_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)\s*\n")
_REFEED = re.compile(r"ALTER TABLE (\w+_feed) MODIFY QUERY\b")
_DROP = re.compile(r"DROP TABLE IF EXISTS (\w+)\b")
_RENAME = re.compile(r"RENAME TABLE IF EXISTS (.+)", re.DOTALL)
_ALTER = re.compile(r"ALTER TABLE (\w+)\b")
_FEED = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS")
_VIEW = re.compile(r"CREATE OR REPLACE VIEW (\w+) AS")
_ENGINE = re.compile(r"ENGINE = (\w*MergeTree)(?:\((.*?)\))?")
_NOTHING = "ENGINE = Null"
"""Keeps nothing, so there is nothing to replicate."""

_SOURCE = re.compile(r"\bFROM (\w+)")
_ORDER = re.compile(r"ORDER BY \(?(\w+)")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which servers.

    Parameters
    ----------
    name
        As in the servers' `remote_servers`; they have the macros `shard` and `replica`.
    database
        That of the shards' own tables.
    """

    name: str
    database: str = "coldplate_shard"

    def __post_init__(self) -> None:
        for word in (self.name, self.database):
            if not re.fullmatch(r"[A-Za-z_]\w*", word):
                raise ValueError(f"{word!r} is no name of a cluster or database")

    def render(self, sql: str, keys: Mapping[str, str]) -> list[str]:
        """What is executed in place of one statement; `keys` has each table's sharding key."""
        if match := _CREATE_TABLE.match(sql):
            return self._table(sql, match[1], keys)
        if (of_feed := self._feed(sql)) is not None:
            return [of_feed]
        if match := _DROP.match(sql):
            of = (f"{match[1]} ON CLUSTER", f"{self.database}.{match[1]} ON CLUSTER")
            return [f"DROP TABLE IF EXISTS {t} {self.name}{sql[match.end() :]}" for t in of]
        if match := _ALTER.match(sql):
            rest = sql[match.end() :]
            altered = f"ALTER TABLE {self.database}.{match[1]} ON CLUSTER {self.name}{rest}"
            return [altered, self._distributed(match[1], keys)]
        if match := _VIEW.match(sql):
            return [
                f"CREATE OR REPLACE VIEW {match[1]} ON CLUSTER {self.name} AS{sql[match.end() :]}"
            ]
        return [sql]

    def _feed(self, sql: str) -> str | None:
        """What fed rollups, in files of before, stands on the shards alone: made, given another query, renamed, dropped."""
        if (match := _DROP.match(sql)) and match[1].endswith("_feed"):
            return f"DROP TABLE IF EXISTS {self.database}.{match[1]} ON CLUSTER {self.name}{sql[match.end() :]}"
        if match := _RENAME.match(sql):
            own = rf"{self.database}.\1 TO {self.database}.\2"
            names = re.sub(r"(\w+) TO (\w+)", own, match[1])
            return f"RENAME TABLE IF EXISTS {names} ON CLUSTER {self.name}"
        if match := _REFEED.match(sql):
            feed = f"ALTER TABLE {self.database}.{match[1]} ON CLUSTER {self.name} MODIFY QUERY"
        elif match := _FEED.match(sql):
            view, target = (f"{self.database}.{name}" for name in match.groups())
            feed = f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view} ON CLUSTER {self.name} TO {target} AS"
        else:
            return None
        return feed + _SOURCE.sub(rf"FROM {self.database}.\1", sql[match.end() :])

    def _table(self, sql: str, table: str, keys: Mapping[str, str]) -> list[str]:
        whole = table == EVERYWHERE
        shard = "all" if whole else "{shard}"
        path = f"'/clickhouse/tables/{shard}/{{database}}/{table}', '{{replica}}'"
        engine = _ENGINE.search(sql)
        if engine is not None:
            arguments = ", ".join(x for x in (path, engine[2]) if x)
            made = sql.replace(engine[0], f"ENGINE = Replicated{engine[1]}({arguments})")
            made = made.replace(
                "non_replicated_deduplication_window", "replicated_deduplication_window"
            )
        elif _NOTHING in sql:
            made = sql
        else:
            raise ValueError(f"{table}: a table of an engine that is not replicated")
        name = table if whole else f"{self.database}.{table}"
        made = made.replace(f"EXISTS {table}", f"EXISTS {name} ON CLUSTER {self.name}", 1)
        return [made] if whole else [made, self._distributed(table, keys)]

    def _distributed(self, table: str, keys: Mapping[str, str]) -> str:
        """Made anew after every change, so that its columns are those of the shards."""
        return (
            f"CREATE OR REPLACE TABLE {table} ON CLUSTER {self.name} AS {self.database}.{table} "
            f"ENGINE = Distributed({self.name}, {self.database}, {table}, {keys[table]})"
        )


def sharding_keys() -> dict[str, str]:
    """By table of the schema: rows of one rack, or of one thing that is told again, go to one shard."""
    out: dict[str, str] = {}
    for migration in known():
        for sql in migration.statements:
            if match := _CREATE_TABLE.match(sql):
                order = _ORDER.search(sql)
                # What keeps nothing has no order: it takes rows of devices.
                first = order[1] if order else "device"
                out[match[1]] = (
                    f"bitShiftRight(device, {RACK_BITS})"
                    if first == "device"
                    else f"cityHash64({first})"
                )
    return out


class OnCluster:
    """`Statements` that are executed on a cluster.

    Parameters
    ----------
    client
        Of any of its servers.
    cluster
        Which.
    """

    def __init__(self, client: Statements, cluster: Cluster) -> None:
        self._client, self._cluster = client, cluster
        self._keys = sharding_keys()
        client.execute(
            f"CREATE DATABASE IF NOT EXISTS {cluster.database} ON CLUSTER {cluster.name}"
        )

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of the first statement that stands for this one."""
        # What is asked of the schema is meant of the shards' own tables.
        asked = sql.replace("currentDatabase()", f"'{self._cluster.database}'")
        first, *others = self._cluster.render(asked.strip(), self._keys)
        rows = self._client.execute(first, params)
        for statement in others:
            self._client.execute(statement)
        return rows
