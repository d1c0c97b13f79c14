"""Writes docs/sql.md: each question of the cookbook, its query, and the answer on the recorded day (`make cookbook`).

A ClickHouse of its own is started for it and forgotten; the day is stored by the sink's code, its last minute being now, so
the times in the answers are of the day on which the page was written.
"""

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import fill as fill_text
from typing import Any

from sinks.day import load_day

from coldplate.console.moments import moment
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate
from coldplate.sinks.recipes import ROLES, Recipe, fill, recipes
from coldplate.sinks.settings import ClickHouseSettings

HERE = Path(__file__).parent
ROWS_MAX, CELL_MAX = 8, 90
START_S_MAX = 60.0


def values(recipe: Recipe, now: datetime) -> dict[str, str]:
    """Its parameters as they are without others."""
    return {
        p.name: moment(p.default, p.name, now).isoformat()
        if p.name in ("from", "to")
        else p.default
        for p in recipe.params
    }


def section(recipe: Recipe, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Of one question."""
    out = [
        f"### {recipe.title}",
        "",
        recipe.tells,
        "",
        f"    coldplate sql --run {recipe.name}",
        "",
    ]
    if recipe.params:
        said = "; ".join(f"`{p.name}` ({p.default}): {p.meaning}" for p in recipe.params)
        out += [fill_text(f"Parameters: {said}.", 140), ""]
    out += ["```sql", recipe.sql, "```", ""]
    out += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    out += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows[:ROWS_MAX]]
    if len(rows) > ROWS_MAX:
        out += ["", f"and {len(rows) - ROWS_MAX} more rows"]
    return [*out, ""]


def cell(value: Any) -> str:
    """As a table has it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return cell(", ".join(map(str, value)))
    text = str(value).replace("|", "/")
    return text if len(text) <= CELL_MAX else f"{text[: CELL_MAX - 3]}..."


def page(client: Client) -> str:
    """docs/sql.md."""
    # The day's last minute has begun: all of it lies before the next.
    now = datetime.now(UTC) + timedelta(minutes=1)
    out: list[str] = []
    for role in ROLES:
        out += [f"## For the {role}", ""]
        for recipe in recipes().values():
            if recipe.role == role:
                answer = client.query(fill(recipe.sql, values(recipe, now)))
                out += section(recipe, *answer)
    return (HERE / "sql.md.in").read_text("utf-8").replace("@COOKBOOK@", "\n".join(out))


def main() -> int:
    """Write the page."""
    with tempfile.TemporaryDirectory(prefix="coldplate-cookbook-") as folder:
        state = StateDir(Path(folder) / "state")
        parts, endpoints = local_servers(state, Cache.default(), kafka=False)
        with Supervisor(state, parts) as stack:
            stack.wait_healthy(START_S_MAX)
            with Client(ClickHouseSettings.from_url(endpoints.clickhouse_owner)) as owner:
                migrate(owner)
                load_day(owner)
            with Client(ClickHouseSettings.from_url(endpoints.clickhouse_reader)) as reader:
                (HERE / "sql.md").write_text(page(reader), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
