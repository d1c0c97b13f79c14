"""Dashboards on a fleet's day: every query of them, as the reader asks, with what is wrong, empty or slow."""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from coldplate.console.benching.day_records import complete
from coldplate.console.benching.day_samples import add_now
from coldplate.console.benching.fleet_day import START_S, FleetDay
from coldplate.console.benching.history import measure as build
from coldplate.console.benching.progress import Progress
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.dashboards.board import Board
from coldplate.dashboards.check import Answer, QueryFailed, check
from coldplate.dashboards.picking import pick
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.settings import ClickHouseSettings

START_S_MAX, ANSWER_S, BUILD_ANSWER_S = 60.0, 120.0, 3600.0
NOW_EVERY_S = 100.0
"""Less than the five minutes that views of now look back, less what one dashboard takes."""


def checked(day: FleetDay, state: Path | None, boards: Sequence[Board]) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    day
        Made where it is not there yet.
    state
        Folder of the day, also of `coldplate bench history --state`; None for one that is forgotten.
    boards
        To check.

    Raises
    ------
    Failure, StackError
        A server did not start, or died.
    HistoryDown, HistoryRefused
        The day could not be made.
    """
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="coldplate-boards-") as folder, Progress() as progress:
        place = state or Path(folder)
        made = place / "day.json"
        wanted = {"gpus": day.racks * 64, "hours": day.hours, "seed": day.seed}
        if not made.exists() or json.loads(made.read_text("utf-8")) != wanted:
            build(day, place, build_only=True, peer_gpus=0)
        with _serving(place) as endpoints, _client(endpoints.clickhouse_owner, BUILD_ANSWER_S) as owner:  # fmt: skip
            begin = datetime.fromtimestamp(START_S, UTC)
            complete(owner, begin, begin + timedelta(hours=day.hours), progress.show)
            made.write_text(json.dumps(wanted), "utf-8")
            with _client(endpoints.clickhouse_reader, ANSWER_S) as reader:
                asked_s = time.monotonic()
                found = _asked(owner, reader, boards, progress)
    return {
        "gpus": wanted["gpus"], "hours": day.hours, "dashboards": len(boards), **found,
        "seconds": round(time.monotonic() - asked_s, 1), "build_s": round(asked_s - began_s, 1),
    }  # fmt: skip


def _asked(
    owner: Client, reader: Client, boards: Sequence[Board], progress: Progress
) -> dict[str, Any]:
    def ask(sql: str) -> Answer:
        try:
            return reader.query(sql)
        except HistoryError as error:
            raise QueryFailed(str(error)) from None

    fresh_s = time.monotonic()

    def tell(words: str, share: float) -> None:
        nonlocal fresh_s
        progress.show(words, share)
        if time.monotonic() - fresh_s > NOW_EVERY_S:
            add_now(owner)
            fresh_s = time.monotonic()

    end_ms = (int(owner.execute("SELECT toUnixTimestamp(max(t)) FROM gpu_1m_stats")[0][0]) + 60) * 1000  # fmt: skip
    models = {board.name: board.model() for board in boards}
    return check(models, ask, end_ms, pick(lambda sql: ask(sql)[1], end_ms), tell).told()


@contextmanager
def _serving(place: Path) -> Iterator[Endpoints]:
    folder = StateDir(place / "stack")
    parts, endpoints = local_servers(folder, Cache.default(), kafka=False)
    with Supervisor(folder, parts) as stack:
        stack.wait_healthy(START_S_MAX)
        yield endpoints


def _client(url: str, answer_s: float) -> Client:
    return Client(ClickHouseSettings.from_url(url), answer_s=answer_s)
