"""How far each rack is, and its certificates, in a real ClickHouse: stored once, and the newest is what counts."""

from datetime import UTC, datetime, timedelta

import pytest
from sinks.servers import database

from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate

pytestmark = pytest.mark.e2e
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(clickhouse_url):
    with database(clickhouse_url) as found, Client(found) as owner:
        migrate(owner)
        yield owner


def tell(client, rack, hour, state, **more):
    given = {
        "step": "",
        "cause": "",
        "verdict": "",
        "held": [],
        "gpus": 64,
        "who": "ada",
        "certificate": "",
    } | more
    t_ms = round((BEGAN + timedelta(hours=hour)).timestamp() * 1000)
    row = {"rack": rack, "t": t_ms, "state": state} | given
    client.insert("commissions", {name: [value] for name, value in row.items()}, None)


def test_the_newest_change_is_where_a_rack_is(client):
    """Whatever the order in which it was told, and once where it was told twice."""
    tell(client, "r1", 9, "held", step="flow", cause="coupling", verdict="held", held=["r1/n/g"])
    for _ in range(2):
        tell(client, "r1", 3, "filled")
    tell(client, "r2", 1, "delivered")
    rows = client.execute(
        "SELECT rack, t, state, step, cause, verdict, held, gpus, who FROM rack_state WHERE rack IN ('r1', 'r2') ORDER BY rack"
    )
    at = [BEGAN + timedelta(hours=h) for h in (9, 1)]
    assert [
        ("r1", at[0], "held", "flow", "coupling", "held", ["r1/n/g"], 64, "ada"),
        ("r2", at[1], "delivered", "", "", "", [], 64, "ada"),
    ] == rows
    assert [(2,)] == client.execute("SELECT count() FROM commissions FINAL WHERE rack = 'r1'")


def test_of_two_changes_at_a_moment_the_further_one_counts(client):
    """A list of what was delivered and cabled may have one time for both."""
    for state in ("cabled", "planned", "delivered"):
        tell(client, "r3", 5, state)
    assert [("cabled",)] == client.execute("SELECT state FROM rack_state WHERE rack = 'r3'")
    for state in ("in-training", "accepted", "held"):
        tell(client, "r3", 6, state)
    assert [("in-training",)] == client.execute("SELECT state FROM rack_state WHERE rack = 'r3'")


def test_certificates_are_counted_from_the_newest(client):
    """Changes without one are none of them; the file is there byte for byte."""
    texts = [f'{{"certificate":{{"n":{n}}},"signature":{{"key":"k{n}"}}}}\n' for n in range(3)]
    for n in (1, 0, 2):
        tell(client, "r4", n, "accepted", verdict="accepted", certificate=texts[n])
    tell(client, "r4", 7, "in-training")
    rows = client.execute(
        "SELECT back, certificate, key FROM certificates WHERE rack = 'r4' ORDER BY back"
    )
    assert [(1, texts[2], "k2"), (2, texts[1], "k1"), (3, texts[0], "k0")] == rows
