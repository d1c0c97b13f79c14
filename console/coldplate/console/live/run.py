"""`coldplate live`: one picture as text or JSON, or the terminal's program."""

import shutil
import sys
from contextlib import closing

import click

from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.live.picture import Away, Hall, Source
from coldplate.console.live.shade import shade_of
from coldplate.console.output import print_json

COLUMNS, LINES_MAX = 120, 10_000


def run(context: Context, every_s: float, colour: str, *, once: bool, as_json: bool) -> None:
    """Show the hall.

    Raises
    ------
    Failure
        When there is no terminal to show it on, or no history to ask.
    """
    from coldplate.console.live.history import History

    if not once and not as_json and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure(
            "this is no terminal: `coldplate live --once` prints one picture, --json the same for programs",
            BAD_INPUT,
        )
    settings = context.clickhouse("reader")
    if once or as_json:
        with closing(History(settings)) as source:
            print_once(source, colour, as_json=as_json)
        return
    try:
        from coldplate.console.live.app import Live
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is missing: install coldplate[live]", NOT_THERE) from None
    from coldplate.console.live.acting import acting

    app = Live(History(settings), every_s, acting(context))
    app.shade = shade_of(colour)
    app.run()


def print_once(source: Source, colour: str, *, as_json: bool) -> None:
    """One picture.

    Raises
    ------
    Failure
        When the history does not answer.
    """
    try:
        hall = source.hall()
    except Away as error:
        raise Failure(
            f"{error}; is it running? `coldplate up` starts a local one", NOT_THERE
        ) from None
    if as_json:
        print_json(hall.as_json())
        return
    width = shutil.get_terminal_size((COLUMNS, 40)).columns
    # A pipe may take less than Unicode.
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(as_text(hall, colour, width).encode(encoding, "replace").decode(encoding), nl=False)


def as_text(hall: Hall, colour: str, width: int) -> str:
    """One picture as text without colours: digits and signs say what colours do."""
    from coldplate.console.live.draw import cells, incident_line, key, strip
    from coldplate.console.live.grid import BOX, DOT, PAIR, grid

    shade = shade_of(colour)
    placed = grid(hall.racks, width, LINES_MAX if len(hall.racks) <= 64 else 40, (BOX, PAIR, DOT))
    lines = [text.plain for text in strip(hall, hall.age_s, "")]
    lines += [key(hall, shade).plain, ""]
    lines += ["".join(s.text for s in line) for line in cells(hall, shade, placed)]
    lines += ["", f"{len(hall.incidents)} open incidents" if hall.incidents else "no open incident"]
    lines += [incident_line(o, hall.now_ms).plain for o in hall.incidents]
    return "".join(f"{line.rstrip()}\n" for line in lines)
