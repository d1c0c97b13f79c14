"""The prompt of `coldplate sql`: statements that end with a semicolon, a history, and completion of what there is."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import click

from coldplate.console.failure import Failure

HELP = "a query ends with ;   \\l the cookbook   \\r NAME runs one of it   \\d tables   \\d TABLE columns   \\q quits"
KEYWORDS = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "INNER JOIN", "LEFT JOIN", "HAVING", "WITH", "INTERVAL",
    "toStartOfInterval(", "quantile(", "countIf(", "argMax(", "now()", "DESC", "BETWEEN", "FINAL",
)  # fmt: skip
HISTORY_LINES = 2000


class Prompt:
    """Reads and answers until the end of the input.

    Parameters
    ----------
    run
        Answers a statement.
    command
        Answers a line that begins with a backslash, without it; False ends.
    words
        What can be completed, besides the keywords.
    history
        File of the lines of before; where it cannot be kept, it is not.
    """

    def __init__(
        self, run: Callable[[str], None], command: Callable[[str], bool], words: Iterable[str],
        history: Path,
    ) -> None:  # fmt: skip
        self._run, self._command, self._history = run, command, history
        self._words = sorted({*words, *KEYWORDS})

    def loop(self) -> None:
        r"""Until the input ends or `\\q`; a statement that fails says why, and the next may come."""
        self._line_editing()
        if sys.stdin.isatty():
            click.echo(HELP)
        held: list[str] = []
        while True:
            try:
                line = input("coldplate> " if not held else "        -> ")
            except EOFError:
                break
            except KeyboardInterrupt:
                click.echo("")
                held.clear()
                continue
            if not held and line.startswith("\\"):
                if not self._said(partial(self._command, line[1:].strip())):
                    break
                continue
            held.append(line)
            statement = "\n".join(held).strip()
            if statement.endswith(";") or not statement:
                held.clear()
                self._answer(statement)
        self._answer("\n".join(held))
        self._keep()

    def complete(self, text: str, state: int) -> str | None:
        """The `state`-th word that begins with `text`; case does not matter."""
        fits = [w for w in self._words if w.lower().startswith(text.lower())]
        return fits[state] if state < len(fits) else None

    def _answer(self, statement: str) -> None:
        if text := statement.strip("; \n"):
            self._said(partial(self._run, text))

    @staticmethod
    def _said(act: Callable[[], bool | None]) -> bool:
        try:
            return act() is not False
        except Failure as error:
            click.echo(f"coldplate: {error}", err=True)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
        return True

    def _line_editing(self) -> None:
        with contextlib.suppress(ImportError, OSError):
            import readline

            readline.set_completer(self.complete)
            readline.set_completer_delims(re.sub(r"[\\.-]", "", readline.get_completer_delims()))
            readline.parse_and_bind("tab: complete")
            readline.set_history_length(HISTORY_LINES)
            if self._history.exists():
                readline.read_history_file(self._history)

    def _keep(self) -> None:
        with contextlib.suppress(ImportError, OSError):
            import readline

            self._history.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(self._history)
