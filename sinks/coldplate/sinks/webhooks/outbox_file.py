"""The file in which alerts wait: SQLite, one transaction a change, on the disk before it counts.

One alerter has it at a time, by a lock beside it; `coldplate alerts` reads it and sends again what was given up while
that one runs. A file that cannot be read stops the alerter: a new one in its place would forget who has to be told.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

VERSION = 1
APPLICATION = 0x636F6C64
"""What SQLite's header says whose file it is: `cold`."""

BUSY_S = 5.0
"""How long a change waits for another process's."""

SCHEMA = (
    """CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL, receiver TEXT NOT NULL, lot TEXT NOT NULL, number INTEGER NOT NULL,
        since_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
        fleeting INTEGER NOT NULL, head INTEGER NOT NULL DEFAULT 0, said TEXT NOT NULL DEFAULT '',
        body BLOB NOT NULL, UNIQUE (receiver, id))""",
    "CREATE INDEX messages_order ON messages (receiver, lot, number, seq)",
    # Only the first of each group may be sent: these three see no others, however many wait.
    "CREATE INDEX heads_due ON messages (receiver, due_ms, seq) WHERE head = 1",
    "CREATE INDEX heads_lot ON messages (receiver, lot) WHERE head = 1",
    "CREATE INDEX heads_since ON messages (receiver, since_ms) WHERE head = 1",
    """CREATE TABLE dead (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL, receiver TEXT NOT NULL, lot TEXT NOT NULL, number INTEGER NOT NULL,
        dead_ms INTEGER NOT NULL, said TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (receiver, id))""",
    """CREATE TABLE totals (
        what TEXT NOT NULL, receiver TEXT NOT NULL, n INTEGER NOT NULL, bytes INTEGER NOT NULL,
        PRIMARY KEY (what, receiver)) WITHOUT ROWID""",
    *(
        statement
        for table in ("messages", "dead")
        for statement in (
            f"""CREATE TRIGGER {table}_in AFTER INSERT ON {table} BEGIN
                INSERT INTO totals VALUES ('{table}', new.receiver, 1, length(new.body))
                ON CONFLICT DO UPDATE SET n = n + 1, bytes = bytes + excluded.bytes; END""",  # noqa: S608
            f"""CREATE TRIGGER {table}_out AFTER DELETE ON {table} BEGIN
                UPDATE totals SET n = n - 1, bytes = bytes - length(old.body)
                WHERE what = '{table}' AND receiver = old.receiver; END""",  # noqa: S608
        )
    ),
    "CREATE TABLE states (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE offsets (topic TEXT NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL,
        PRIMARY KEY (topic, part)) WITHOUT ROWID""",
    """CREATE TABLE actions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)""",
    """CREATE TABLE acted (receiver TEXT NOT NULL, node TEXT NOT NULL, hall TEXT NOT NULL,
        t_ms INTEGER NOT NULL, PRIMARY KEY (receiver, node)) WITHOUT ROWID""",
)


class OutboxError(RuntimeError):
    """The file did not take what was to be written, or cannot be read now; nothing of it has happened."""


class OutboxBusy(OutboxError):  # noqa: N818  a state of the machine, not a fault of the file
    """Another alerter has the file; the message says which."""


class OutboxUnfit(OutboxError):  # noqa: N818
    """The file is damaged, somebody else's, or a newer program's; the message says what to do."""


class OutboxFile:
    """A connection to the file, for all threads of a process.

    Parameters
    ----------
    path
        The database; SQLite keeps `-wal` and `-shm` beside it.
    alone
        An alerter: takes the lock, and makes the file when there is none. Otherwise it must exist.

    Raises
    ------
    OutboxBusy
        `alone`, and another alerter has it.
    OutboxUnfit
        It is not a file of this program, or there is none and `alone` is not set.
    """

    def __init__(self, path: Path, *, alone: bool) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._holds: int | None = None
        self._seen = -1
        try:
            if alone:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._holds = _hold(path.with_name(path.name + ".lock"))
                if not path.exists():
                    _make(path)
            elif not path.exists():
                raise OutboxUnfit(f"{path} does not exist: no alerter has run with it")
            self._db = _opened(path)
        except OSError as error:
            self._let_go()
            raise OutboxUnfit(f"{path} cannot be opened: {error.strerror or error}") from error
        except OutboxError:
            self._let_go()
            raise

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction; on the disk when it ends well, and without a trace otherwise."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    # SQLite has rolled back by itself after some errors, such as a full disk.
                    with suppress(sqlite3.OperationalError):
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise OutboxError(f"{self.path}: {error}") from error

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Questions; each sees what was written before it."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise OutboxError(f"{self.path}: {error}") from error

    def changed(self) -> bool:
        """Whether another process has written since the last asking."""
        with self.read() as db:
            before, self._seen = self._seen, db.execute("PRAGMA data_version").fetchone()[0]
        return before not in (-1, self._seen)

    def close(self) -> None:
        """Let go of the file and the lock."""
        with self._lock:
            self._db.close()
            self._let_go()

    def _let_go(self) -> None:
        if self._holds is not None:
            os.close(self._holds)
            self._holds = None


def _hold(path: Path) -> int:
    """The lock's descriptor; the kernel lets go of it when the process ends, however it ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise OutboxBusy(f"{path}: another alerter has it (process {holder}); stop that one first") from None  # fmt: skip
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _make(path: Path) -> None:
    """A new file, under its name only when it is whole: one that is empty was cut off, and is not ours to fill."""
    draft = path.with_name(path.name + ".new")
    for left in (draft, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        left.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN")
        for statement in SCHEMA:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _opened(path: Path) -> sqlite3.Connection:
    if path.stat().st_size == 0:
        raise OutboxUnfit(_advice(path, "it is empty"))
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        _check(path, db)
    except sqlite3.DatabaseError as error:
        db.close()
        # Both are SQLite's words for one that is whole and cannot be had now.
        if "locked" in str(error) or "unable to open" in str(error):
            raise OutboxError(f"{path}: {error}") from error
        raise OutboxUnfit(_advice(path, str(error))) from error
    except OutboxError:
        db.close()
        raise
    return db


def _check(path: Path, db: sqlite3.Connection) -> None:
    whose = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if whose != APPLICATION:
        raise OutboxUnfit(f"{path} is a database of another program: give the alerter another path")
    if version > VERSION:
        raise OutboxUnfit(
            f"{path} was written by a newer coldplate (form {version}, this one knows {VERSION}): "
            "start that one, or move the file away"
        )
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise OutboxUnfit(_advice(path, str(found).strip().splitlines()[-1]))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")


def _advice(path: Path, what: str) -> str:
    return (
        f"{path} is damaged ({what}). Move it away and start again: what is open is sent again under the "
        "same ids; messages that waited about what is over, and dead letters, are lost with it"
    )
