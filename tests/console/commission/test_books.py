"""What history is told: nothing is lost while it is away or refuses, and nothing of that is silent."""

import pytest
from click.testing import CliRunner
from sinks.servers import database

from coldplate.console.commands.commission import commission
from coldplate.console.commission import books
from coldplate.console.commission.books import Books, read_unsent, unsent_path
from coldplate.console.commission.changes import of_phase
from coldplate.console.commission.keeping import Keeping
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryDown
from coldplate.sinks.migrate import migrate


class History:
    """Takes rows, unless it is away."""

    def __init__(self):
        self.away, self.rows, self.asked = False, [], 0

    def insert(self, table, columns, token):
        self.asked += 1
        if self.away:
            raise HistoryDown("ClickHouse at nowhere: refused")
        assert ("commissions", None) == (table, token)
        self.rows += list(zip(columns["rack"], columns["state"], columns["t"], strict=True))

    def close(self):
        pass


def row(n, rack="rack-0001"):
    return of_phase(rack, "full", 64, "ada", 1_800_000_000_000 + n)


def test_what_history_does_not_take_is_kept_and_stored_later(tmp_path, monkeypatch):
    """In order, rack by rack; it is said once that it is away, and once that it is back."""
    monkeypatch.setattr(books, "AGAIN_S", 0.0)
    history, said = History(), []
    book = Books(tmp_path, lambda: history, said.append)
    assert book.write([row(0)])
    history.away = True
    assert not book.write([row(1)])
    assert not book.write([row(2)])
    assert not book.write([row(3, "rack-0002")])
    assert [row(1), row(2)] == read_unsent(unsent_path(tmp_path, "rack-0001"))
    (first,) = said
    assert "nowhere" in first
    assert str(tmp_path) in first
    assert "coldplate commission store" in first
    history.away = False
    assert book.write([row(4)])
    assert [0, 1, 2, 4] == [t - 1_800_000_000_000 for _, _, t in history.rows]
    assert not unsent_path(tmp_path, "rack-0001").exists()
    assert [row(3, "rack-0002")] == read_unsent(unsent_path(tmp_path, "rack-0002"))
    assert 2 == len(said)


def test_a_history_that_hangs_is_not_asked_at_every_change(tmp_path):
    """Hundreds of racks would wait for it one after the other."""
    history = History()
    history.away = True
    book = Books(tmp_path, lambda: history, lambda _: None)
    for n in range(20):
        assert not book.write([row(n)])
    assert 1 == history.asked
    assert 20 == len(read_unsent(unsent_path(tmp_path, "rack-0001")))


def test_a_kept_file_that_is_none_is_said(tmp_path):
    """With its name and what to do."""
    unsent_path(tmp_path, "rack-0001").write_text("{")
    with pytest.raises(Failure, match="move it away"):
        Books(tmp_path, History, lambda _: None).write([row(0)])


@pytest.mark.e2e
def test_a_database_of_before_is_told_to_migrate(clickhouse_url, tmp_path):
    """And what was kept goes in with `store`, but that of a rack whose procedure runs."""
    with database(clickhouse_url) as settings:
        said = []
        book = Books(tmp_path, lambda: Client(settings), said.append)
        assert not book.write([row(0), row(1)])
        assert "no table commissions (`coldplate migrate` makes it)" in said[0]
        assert not book.write([row(2, "rack-0002")])
        book.close()
        url = f"clickhouse://{settings.user}:{settings.password}@{settings.host}:{settings.port}/{settings.database}"

        def store():
            return CliRunner().invoke(
                commission, ["store", "--keep", str(tmp_path)], obj=Context(), env={"COLDPLATE_CLICKHOUSE": url}
            )  # fmt: skip

        with Client(settings) as client:
            migrate(client)
            running = Keeping(tmp_path, "rack-0002")
            ran = store()
            assert ran.exception is None, ran.exception
            assert "2 changes of 1 racks stored" in ran.stdout
            assert "rack-0002" in ran.stdout
            running.close()
            assert "1 changes of 1 racks stored" in store().stdout
            assert "0 changes of 0 racks stored" in store().stdout
            counts = "SELECT rack, count() FROM commissions FINAL GROUP BY rack ORDER BY rack"
            assert [("rack-0001", 2), ("rack-0002", 1)] == client.execute(counts)
            # The same change again is the same row.
            books.insert(client, [row(0), row(1)])
            assert [("rack-0001", 2), ("rack-0002", 1)] == client.execute(counts)
