"""`coldplate board`: one picture as text or JSON, or the terminal's, again and again."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any, ClassVar, Protocol, TypeVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from coldplate.console.asking import history_errors
from coldplate.console.bringup.draw import Drawing
from coldplate.console.bringup.history import Ask
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.telling import told
from coldplate.console.bringup.watching import Watch
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.output import print_json
from coldplate.console.running import stop_on_signals
from coldplate.console.top.keys import Keys
from coldplate.sinks.client import Client

CONNECT_S, ANSWER_S = 3.0, 20.0
WIDTH = 160
KEY_S = 0.1
"""How soon a key, or another size of the terminal, is noticed."""


class Drawn(Protocol):
    """What the terminal shows; a dataclass that can say why it is of the past."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def away(self) -> str:
        """Why the history does not answer."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich draws it."""


D = TypeVar("D", bound=Drawn)


@contextmanager
def asking(context: Context) -> Iterator[Ask]:
    """The history as the reader; its troubles are a `Failure`."""
    with Client(context.clickhouse("reader"), connect_s=CONNECT_S, answer_s=ANSWER_S) as client:

        def ask(sql: str, given: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
            with history_errors():
                return client.query(sql, given)[1]

        yield ask


def run(context: Context, plan: Plan, every_s: float, *, once: bool, as_json: bool) -> None:
    """Show the board.

    Raises
    ------
    Failure
        There is no terminal to show it on, or no history to ask.
    """
    with asking(context) as ask:
        watch = Watch(ask, plan)
        try:
            if as_json:
                print_json(told(watch.look(wait=True)))
            elif once:
                printed(Drawing(watch.look(wait=True)))
            else:
                live(lambda: Drawing(watch.look()), every_s)
        finally:
            watch.close()


def printed(drawn: Drawn) -> None:
    """One picture; in a pipe as wide as it likes."""
    console = Console(highlight=False)
    (console if console.is_terminal else Console(highlight=False, width=WIDTH)).print(drawn)


def live(look: Callable[[], D], every_s: float) -> None:
    """Draw what `look` gives at each interval until `q`; what was last drawn stays while the history is away.

    Raises
    ------
    Failure
        This is no terminal, or the history does not answer the first time.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        raise Failure("this is no terminal: --once prints one picture, --json the same for programs", BAD_INPUT)  # fmt: skip
    shown, size = look(), console.size
    with (
        stop_on_signals() as stop,
        Keys() as keys,
        Live(shown, console=console, screen=True, auto_refresh=False) as screen,
    ):
        for due in _beats(every_s, stop):
            if "q" in keys.pressed().lower():
                stop.set()
            elif due:
                try:
                    shown = look()
                except Failure as error:
                    if error.exit_code != NOT_THERE:
                        raise
                    shown = replace(shown, away=str(error))
                screen.update(shown, refresh=True)
            elif console.size != size:
                size = console.size
                screen.refresh()


def _beats(every_s: float, stop: Event) -> Iterator[bool]:
    """True at each interval, False some times in between; ends when `stop` is set."""
    due_s = time.monotonic() + every_s
    while not stop.is_set():
        if time.monotonic() >= due_s:
            due_s = max(due_s + every_s, time.monotonic())
            yield True
        stop.wait(min(KEY_S, every_s))
        yield False
