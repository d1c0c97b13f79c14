"""The board over a real ClickHouse: what people write down, what is followed, and who may."""

import json
import time
from dataclasses import dataclass, replace

import pytest
from click.testing import CliRunner
from console.bringup.halls import url_of
from sinks.servers import database

from coldplate.console.asking import history_errors
from coldplate.console.bringup.history import Racks
from coldplate.console.commands.board import board
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.web.answers import HistoryAnswers
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.inventory import generate

RACKS = 25


@dataclass
class Site:
    """A history with an inventory; `url` is of a role's."""

    owner: Client
    urls: dict

    def run(self, *words, role="writer"):
        given = {"obj": Context(), "env": {"COLDPLATE_CLICKHOUSE": self.urls[role]}}
        return CliRunner().invoke(board, [str(w) for w in words], **given)

    def told(self, *words, role="writer"):
        ran = self.run(*words, "--json", role=role)
        assert ran.exception is None, ran.exception
        return json.loads(ran.stdout.splitlines()[-1])

    def refused(self, *words, role="writer"):
        ran = self.run(*words, role=role)
        assert isinstance(ran.exception, Failure), ran.output
        return ran.exception


@pytest.fixture
def site(endpoints):
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        store_inventory(owner, generate(RACKS))
        urls = {
            role: url_of(replace(ClickHouseSettings.from_url(getattr(endpoints, f"clickhouse_{role}")), database=settings.database))
            for role in ("reader", "writer")
        }  # fmt: skip
        yield Site(owner, urls)


def accept(site, *racks, held=()):
    """As an acceptance writes it."""
    n, now_ms = len(racks), time.time_ns() // 1_000_000
    site.owner.insert("commissions", {
        "rack": list(racks), "t": [now_ms - 1000] * n, "state": ["accepted"] * n, "step": [""] * n, "cause": [""] * n,
        "verdict": ["accepted"] * n, "held": [list(held)] * n, "gpus": [64] * n, "who": ["ada"] * n, "certificate": ["{}"] * n,
    }, None)  # fmt: skip


def test_what_hands_did_is_on_the_board(site, tmp_path):
    """By words and by file, with cause and who; a rack of nobody's word is planned. The reader shows it, and writes nothing."""
    site.told("set", "rack-0000", "rack-0001", "cabled", "--who", "ada", "--at", "-2h")
    file = tmp_path / "shift.csv"
    file.write_text("rack,state,cause,at\nrack-0001,held,leak,-1h\nrack-0002,delivered,,2026-11-01T06:00:00Z\n")  # fmt: skip
    assert 2 == site.told("set", "--file", file, "--who", "bob")["written"]
    accept(site, "rack-0003", "rack-0004", held=["rack-0003/node-0/gpu-0"])
    told = site.told(role="reader")
    by = told["by_state"]
    assert (1, 1, 1, 2, 20) == tuple(
        by[s] for s in ("cabled", "held", "delivered", "accepted", "planned")
    )
    (held,) = told["held"]
    assert ("rack-0001", "leak", "bob", 64) == tuple(
        held[k] for k in ("rack", "cause", "who", "gpus_held")
    )
    assert 2 * 63 == told["gpus_usable"] == told["largest_set"]["gpus"]
    assert told["begin"].startswith("2026-11-01T06:00")
    assert told["forecast"]["finish_p50_day"] <= told["forecast"]["finish_p90_day"]
    assert "rack-0001" in site.run("--once", role="reader").stdout
    assert "no terminal" in str(site.refused(role="reader"))
    assert "ClickHouse refused" in str(site.refused("set", "rack-0005", "cabled", role="reader"))


def test_what_is_wrong_is_refused_whole(site, tmp_path):
    """Nothing of a file is written when a line of it is wrong; an acceptance is nobody's word."""
    file = tmp_path / "shift.csv"
    file.write_text("rack,state\nrack-0000,cabled\nrack-9999,cabled\n")
    said = site.refused("set", "--file", file)
    assert ("line 3" in str(said), BAD_INPUT) == (True, said.exit_code)
    assert "did you mean cabled" in str(site.refused("set", "rack-0000", "cable"))
    assert "coldplate commission rack-0000" in str(site.refused("set", "rack-0000", "accepted"))
    assert "future" in str(site.refused("set", "rack-0000", "cabled", "--at", "2036-01-01"))
    assert [(0,)] == site.owner.execute("SELECT count() FROM commissions")
    accept(site, "rack-0000", held=["rack-0000/node-0/gpu-0"])
    site.told("set", "rack-0000", "in-training")
    assert 63 == site.told()["gpus_usable"]


def test_what_is_new_is_followed_and_what_comes_late_is_not_missed(site):
    """New changes cost a question for them alone; one that is told of yesterday is found too."""
    asked = []

    def ask(sql, given):
        asked.append(given)
        with history_errors():
            return site.owner.query(sql, given)[1]

    racks = Racks(ask)
    site.told("set", "rack-0000", "delivered", "--at", "-3h")
    assert "delivered" == racks.look()[0].state
    before = len(asked)
    racks.look()
    assert before + 1 == len(asked)
    site.told("set", "rack-0000", "cabled", "--at", "-2h")
    assert "cabled" == racks.look()[0].state
    assert asked[-1]["since"] > 0
    site.told("set", "rack-0001", "delivered", "--at", "-26h")
    site.told("set", "rack-0024", "filled")
    found = racks.look()
    assert ("delivered", "filled", RACKS) == (found[1].state, found[24].state, len(found))


def test_the_page_is_told_the_same(site, monkeypatch):
    """`/api/board` is what the command prints, but for the moment."""
    site.told("set", "rack-0000", "cabled", "--at", "-1h")
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", site.urls["reader"])
    answers = HistoryAnswers(Context())
    try:
        told = answers.board()
    finally:
        answers.close()
    command = site.told(role="reader")
    assert command["tiles"] == told["tiles"]
    assert set(command) == set(told)
