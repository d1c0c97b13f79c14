"""What the live hall does without a history, and what it takes of one in which little is kept."""

from contextlib import closing

import pytest
from console.web.halls import answers_of

from coldplate.console.chain import WEB, chain
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.web.hall import HistoryHall
from coldplate.console.web.past import Kept
from coldplate.dashboards.web.ports import Away, NotThere
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.inventory import generate

NOWHERE = "clickhouse://x:secret@127.0.0.1:1/z"
DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000


def test_a_history_that_is_away_says_so_without_its_password():
    """Where it was looked for."""
    with closing(HistoryHall(ClickHouseSettings.from_url(NOWHERE))) as hall:
        for ask in (hall.floor, hall.now, hall.span, lambda: hall.past(0, 1000)):
            with pytest.raises(Away, match=r"127\.0\.0\.1:1") as told:
                ask()
            assert "secret" not in str(told.value)


def test_answers_of_a_history_that_is_away_say_so(monkeypatch):
    """Without its password."""
    with answers_of(NOWHERE, monkeypatch) as answers:
        for ask in (answers.hall, lambda: answers.rack("r", None), lambda: answers.why("x")):
            with pytest.raises(Away, match=r"127\.0\.0\.1:1") as told:
                ask()
            assert "secret" not in str(told.value)


def test_what_is_gone_is_shown_by_the_finest_rollup_that_is_kept():
    """Rather than not at all; for a step that rollups fit, the longest of them."""
    kept = Kept((NOW_MS - 30 * DAY_MS, NOW_MS - 90 * DAY_MS, NOW_MS - 400 * DAY_MS, 0), NOW_MS)
    word = lambda days, step_ms: getattr(kept.tier(NOW_MS - days * DAY_MS, step_ms), "word", "raw")  # noqa: E731
    assert ["raw", "10s", "1m", "1h"] == [word(d, 1000) for d in (1, 60, 300, 1000)]
    assert ["raw", "10s", "1m", "1m", "1h"] == [word(1, s) for s in (10_000, 20_000, 60_000, 600_000, 3_600_000)]  # fmt: skip
    # Of the last minutes there may be no minutes yet.
    assert ["10s", "10s", "1m"] == [
        word(m / 1440, 3_600_000 if m < 3 else 60_000) for m in (1, 4, 6)
    ]
    with pytest.raises(NotThere, match="empty"):
        Kept((None, None, None, None), NOW_MS).tier(NOW_MS, 1000)


def test_the_local_stack_offers_the_hall_on_its_usual_port_or_a_free_one(tmp_path, monkeypatch):
    """As a part that nobody waits for, with the reader's rights and no secret on its command line."""
    monkeypatch.setenv("COLDPLATE_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", NOWHERE)
    context = Context(state_dir=str(tmp_path / "state"))
    try:
        made = chain(context, generate(1), (), web=True)
        (part,) = (p for p in made.parts if p.name == WEB)
        assert str(part.ports[WEB]) == part.argv[part.argv.index("--port") + 1]
        assert "its address" == part.health()
        assert "secret" not in " ".join(part.argv)
        assert all(WEB not in p.depends_on for p in made.parts)
        context.state.release()
        context.state.acquire()
        assert WEB not in {p.name for p in chain(context, generate(1), ()).parts}
    finally:
        context.state.release()


def test_the_local_stack_does_not_start_with_a_hall_that_would_refuse(tmp_path, monkeypatch):
    """Who would open it to the network without a token is told so before anything runs."""
    monkeypatch.setenv("COLDPLATE_WEB__ADDRESS", "0.0.0.0")
    context = Context(state_dir=str(tmp_path / "state"))
    with pytest.raises(Failure, match=r"web\.address: 0\.0\.0\.0 opens the hall") as told:
        chain(context, generate(1), (), web=True)
    assert BAD_INPUT == told.value.exit_code
