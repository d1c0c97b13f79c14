"""The committed schema against the catalogue, and settings."""

from hashlib import sha256
from importlib.resources import files

import pytest

from coldplate.sinks import ddl
from coldplate.sinks.migrate import known
from coldplate.sinks.settings import ClickHouseSettings, SinkSettings
from coldplate.wire.metric import CATALOGUE


def test_committed_files_are_what_the_catalogue_makes():
    """A metric that was added needs a new migration; until then this fails."""
    schema = files("coldplate.sinks").joinpath("schema")
    for name, sql in ddl.made().items():
        assert sql == schema.joinpath(name).read_text("utf-8"), name
    assert {k: len(metrics) for k, metrics in CATALOGUE.items()} == ddl.GROWTH[-1][1]


def test_published_files_are_as_they_were():
    """Databases know them by their hash; what made them is no longer here."""
    old = [m for m in known() if m.number < int(ddl.COLUMNS[:4])]
    together = sha256("".join(m.text for m in old).encode()).hexdigest()
    assert "f74572e90021a349a8b4035b619999119231c9457829bc4e5bf05446c61edc0f" == together


def test_every_statement_may_be_run_again():
    """A file that was applied by half is applied again from its first statement: a setting may be set twice, a table that is dropped first filled twice."""
    migrations = known()
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1))
    for migration in migrations:
        for statement in migration.statements:
            assert any(
                w in statement
                for w in (
                    "IF NOT EXISTS",
                    "OR REPLACE",
                    "MODIFY SETTING",
                    "MODIFY QUERY",
                    "RENAME TABLE IF EXISTS",
                    "DROP TABLE IF EXISTS",
                    "MODIFY COMMENT",
                    "MODIFY TTL",
                    "DROP COLUMN IF EXISTS",
                )
            ) or _fills_anew(statement, migration.statements)


def _fills_anew(statement, statements):
    table = statement.split()[2] if statement.startswith("INSERT INTO ") else None
    before = statements[: statements.index(statement)]
    return f"DROP TABLE IF EXISTS {table} SYNC" in before and not any(
        s.startswith(f"INSERT INTO {table} ") for s in before
    )


def test_a_url_gives_settings():
    """All parts, quoted ones too; the port follows from TLS when it is not named."""
    url = "clickhouse://ann:p%40ss@db:9001/hall?secure=false"
    assert ClickHouseSettings.from_url(url) == ClickHouseSettings("db", 9001, "hall", "ann", "p@ss")
    found = ClickHouseSettings.from_url("clickhouse://db?secure=1&ca_file=ca.pem")
    assert (found.port, found.secure, found.ca_file) == (9440, True, "ca.pem")
    assert "p@ss" not in repr(ClickHouseSettings.from_url(url))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a:hush@b", "clickhouse://"),
        ("clickhouse://a:hush@", "no host"),
        ("clickhouse://a:hush@b:99999/x", "port"),
        ("clickhouse://a:hush@b/x;y", "database"),
        ("clickhouse://a:hush@b/x?secure=maybe", "secure"),
        ("clickhouse://a:hush@b/x?retries=1", "unknown"),
    ],
)
def test_a_bad_url_is_refused_without_its_password(url, words):
    """The message says what is wrong, and nothing of the URL's secrets."""
    with pytest.raises(ValueError, match=words) as refused:
        ClickHouseSettings.from_url(url)
    assert "hush" not in str(refused.value)


def test_sink_settings_are_checked_and_keep_secrets():
    """Empty brokers or cluster and senseless bounds are refused; the password is not shown."""
    good = {"brokers": ("b:1",), "cluster": "c", "clickhouse": ClickHouseSettings("h")}
    assert "hush" not in repr(SinkSettings(**good, sasl_password="hush"))
    for bad in ({"brokers": ()}, {"cluster": ""}, {"flush_s": 0.0}, {"rows_max": 0}):
        with pytest.raises(ValueError):
            SinkSettings(**(good | bad))
