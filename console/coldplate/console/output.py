"""How commands print: tables for people, one JSON object as the last line for programs."""

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import click

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """The `--json` option that every command with a result has."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout."
    )(command)


def print_json(value: dict[str, Any]) -> None:
    """One line of JSON; times as RFC 3339, what is not a number as null."""
    click.echo(json.dumps(plain(value), separators=(", ", ": ")))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """A table on stdout; plain and whole when stdout is no terminal, or where rich is not installed.

    Names and words come from whoever sent them: none of it is rich's markup, and nothing of it steers the terminal.
    """
    try:
        from rich.box import SIMPLE
    except ModuleNotFoundError:  # an agent's environment has nothing for people
        _print_plain(columns, rows, title)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(
        box=SIMPLE, title=Text(visible(title)) if title else None, title_justify="left", pad_edge=False,
    )  # fmt: skip
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(r[i], (int, float)) for r in rows)
        table.add_column(
            Text(visible(column)), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(visible(_cell(v))) for v in row))
    console.print(table)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str) -> None:
    """Columns side by side, numbers to the right."""
    cells = [[visible(c) for c in columns], *([visible(_cell(v).replace("\n", " ")) for v in row] for row in rows)]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    numeric = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(columns))]  # fmt: skip
    if title:
        click.echo(visible(title))
    for line in cells:
        said = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(line, widths, numeric, strict=True)]  # fmt: skip
        click.echo("  ".join(said).rstrip())


def visible(text: str) -> str:
    r"""Text whose control characters are written out; lines stay lines.

    Examples
    --------
    >>> visible("fan \x1b[31mred")
    'fan \\x1b[31mred'
    """
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def rfc3339(t_ms: int | None) -> str | None:
    """Unix milliseconds as text; None stays None."""
    if t_ms is None:
        return None
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(v) for v in value)
    return str(value)


def plain(value: Any) -> Any:
    """A value as JSON has it; times as RFC 3339, what is not a number as null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
