"""The state folder: all that one stack keeps between starts.

coldplate-state   marker: coldplate made this folder and may empty it
lock              held by the running supervisor
stack.json        what runs (record.py)
ports.json        the ports chosen, so that they stay the same
secrets.toml      passwords made for this stack, 0600
logs/             a file a part
kafka/ clickhouse/ their configuration and data
"""

import json
import os
import secrets
import shutil
import signal
import tomllib
from collections.abc import Iterable
from pathlib import Path

from coldplate.console.stack.atomic import write_atomically
from coldplate.console.stack.errors import LockHeld, NotOurs, StateBusy
from coldplate.console.stack.lock import FileLock
from coldplate.console.stack.ports import PortReservations
from coldplate.console.stack.process import wait_gone
from coldplate.console.stack.record import StackRecord

MARKER = "coldplate-state"


def state_root() -> Path:
    """`COLDPLATE_STATE`, otherwise `coldplate` in the user's state folder (XDG base directories)."""
    if given := os.environ.get("COLDPLATE_STATE"):
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "coldplate"


class StateDir:
    """One stack's folder; reading it needs nothing, changing it needs `acquire` first."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = (path or state_root()).absolute()
        self._lock = FileLock(self.path / "lock")
        self._reservations = PortReservations()

    def acquire(self) -> None:
        """Make the folder ours: create it, lock it, and end what a killed supervisor left.

        Raises
        ------
        StateBusy
            Another supervisor runs here; the message names its pid.
        NotOurs
            The folder holds something that coldplate did not make.
        """
        if self._lock.held:
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = self.path / MARKER
        if not marker.exists():
            if any(self.path.iterdir()):
                raise NotOurs(self.path)
            marker.write_text("coldplate keeps a local stack here, and may empty this folder.\n")
        try:
            self._lock.acquire()
        except LockHeld as error:
            raise StateBusy(self.path, error.pid) from None
        if record := self.read_stack():
            record.end_leftovers()
        self.logs.mkdir(exist_ok=True)

    def release(self) -> None:
        """Let other supervisors in."""
        self._reservations.release()
        self._lock.release()

    def fresh(self) -> None:
        """Empty the folder: data, ports and passwords. Takes the lock and keeps it.

        Raises
        ------
        StateBusy, NotOurs
            As `acquire`; nothing was removed then.
        """
        self.acquire()
        kept = {MARKER, self._lock.path.name}
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in kept:
                entry.unlink()
        self.logs.mkdir()

    @property
    def logs(self) -> Path:
        """The folder of the parts' logs."""
        return self.path / "logs"

    @property
    def stack_file(self) -> Path:
        """Where the supervisor writes what runs."""
        return self.path / "stack.json"

    def folder(self, name: str) -> Path:
        """A folder of a part's own, made when missing."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def read_stack(self) -> StackRecord | None:
        """What ran here last; `alive` tells whether it still does. None when nothing ever did."""
        return StackRecord.read(self.stack_file)

    def port(self, name: str, preferred: Iterable[int] = ()) -> int:
        """The port of `name`: that of last time, one of `preferred`, or any; the first free one."""
        self.acquire()
        file = self.path / "ports.json"
        ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        remembered = [ports[name]] if name in ports else []
        port = self._reservations.choose((*remembered, *preferred))
        if remembered != [port]:
            write_atomically(file, json.dumps({**ports, name: port}, indent=1) + "\n")
        return port

    def secret(self, name: str) -> str:
        """The password called `name`, made at random the first time."""
        self.acquire()
        file = self.path / "secrets.toml"
        known = tomllib.loads(file.read_text()) if file.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_atomically(file, "".join(f'{key} = "{known[key]}"\n' for key in sorted(known)))
        return str(known[name])


def stop_stack(state: StateDir, limit_s: float = 90.0) -> bool:
    """Stop the stack that runs in `state` from another process, as `coldplate down` does.

    Returns whether there was one to stop.

    Raises
    ------
    StateBusy
        Its supervisor did not end within `limit_s`.
    """
    record = state.read_stack()
    if record is None:
        return False
    if not record.alive:
        return bool(record.end_leftovers())
    os.kill(record.supervisor_pid, signal.SIGTERM)
    if not wait_gone(record.supervisor_pid, limit_s):
        raise StateBusy(state.path, record.supervisor_pid)
    return True
