"""What is done to a rack while it is watched: by the site's own command, or by a technician who is asked."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import click

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import rfc3339
from coldplate.console.stack import child

DEED_WITHIN_S, END_WITHIN_S = 300.0, 10.0
_ASKING = threading.Lock()
"""Racks side by side share one terminal."""


class Hands(Protocol):
    """Whoever does it."""

    def ask(self, rack: str, words: str) -> None:
        """Have something done that hands must do; comes back when it is done."""

    def act(self, rack: str, action: str, words: str) -> None:
        """Have something done that a hook may do."""

    def load(self, rack: str, load: str) -> None:
        """Have a load run from now on; `idle` ends the one before."""

    def ended(self, rack: str) -> str:
        """What there is to say when the load that should run has ended by itself; empty while it runs."""

    def told(self) -> list[dict[str, str]]:
        """Who did what when, since this was last asked."""


@dataclass
class Technician:
    """Asks a person, and calls the site's hook for what it offers.

    Parameters
    ----------
    who
        The person.
    hook
        Words of a command that is called with an action and a rack: `load-half`, `load-full`, `load-steps` run until they
        are ended with SIGTERM, `pump-stop`, `pump-start`, `restart` come back when it is done. None: hands do it.
    yes
        Nobody is asked; all is taken as done.
    elsewhere
        Asks, by rack and words, in another place than this terminal, and says who did it (questions.py).
    """

    who: str
    hook: Sequence[str] = ()
    yes: bool = False
    prompt: Callable[[str], None] = lambda words: click.prompt(words, default="", show_default=False, prompt_suffix=" ", err=True)  # fmt: skip
    elsewhere: Callable[[str, str], str] | None = None
    _told: list[dict[str, str]] = field(default_factory=list)
    _load: str = "idle"
    _running: "subprocess.Popen[bytes] | None" = None

    @staticmethod
    def words_of(hook: str | None) -> tuple[str, ...]:
        """The words of a hook's command line.

        Raises
        ------
        Failure
            A quote is not closed.
        """
        try:
            return tuple(shlex.split(hook or ""))
        except ValueError as error:
            raise Failure(f"--hook {hook}: {error}", BAD_INPUT) from None

    def ask(self, rack: str, words: str) -> None:
        """See `Hands`."""
        said, who = words.format(rack=rack), self.who
        if self.yes:
            who = "nobody, --yes"
        elif self.elsewhere is not None:
            who = self.elsewhere(rack, said)
        else:
            with _ASKING:
                self.prompt(said)
        self._note(f"asked: {said}", who)

    def act(self, rack: str, action: str, words: str) -> None:
        """See `Hands`."""
        if not self.hook or not action:
            self.ask(rack, words)
            return
        try:
            ran = subprocess.run([*self.hook, action, rack], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 timeout=DEED_WITHIN_S, check=False)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(f"--hook: {action} {rack}: {error}") from None
        if ran.returncode:
            raise Failure(
                f"--hook: {action} {rack} ended with {ran.returncode}; the procedure waits here, run it again"
            )
        self._note(action, "hook")

    def load(self, rack: str, load: str) -> None:
        """See `Hands`."""
        if load == self._load and (self._running is None or self._running.poll() is None):
            return
        self.end()
        self._load = load
        if not self.hook:
            self.ask(rack, f"bring every GPU of {{rack}} to {load}, then press enter")
            return
        if load == "idle":
            return
        try:
            # A session of its own, so that all it starts ends with it; and it dies with us, kill -9 included: no load
            # is to run that nobody watches.
            words = [
                sys.executable,
                "-I",
                "-S",
                child.__file__,
                str(os.getpid()),
                *self.hook,
                f"load-{load}",
                rack,
            ]
            self._running = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        except OSError as error:
            raise Failure(f"--hook: load-{load} {rack}: {error}") from None
        self._note(f"load-{load}", "hook")

    def ended(self, rack: str) -> str:
        """See `Hands`."""
        if self._running is None or (code := self._running.poll()) is None:
            return ""
        return f"--hook: load-{self._load} of {rack} ended by itself with {code}; it is to run until it is ended with SIGTERM"

    def told(self) -> list[dict[str, str]]:
        """See `Hands`."""
        out, self._told = self._told, []
        return out

    def end(self) -> None:
        """End the load that runs."""
        running, self._running = self._running, None
        self._load = "idle"
        if running is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if running.poll() is None:
                try:
                    os.killpg(running.pid, number)
                    running.wait(END_WITHIN_S)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue

    def _note(self, what: str, who: str) -> None:
        at = rfc3339(time.time_ns() // 1_000_000) or ""
        self._told.append({"who": who, "at": at, "what": what})
