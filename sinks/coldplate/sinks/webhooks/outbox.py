"""What waits to be sent and what the alerter remembers, in one file: a turn is written down whole, or not at all.

Messages of a group to a receiver leave in the order of their numbers; the first of each group is its head, and only
heads are sent. A message is deleted when it was taken and becomes a dead letter when it is given up.
"""

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec

from coldplate.sinks.webhooks.message import Message
from coldplate.sinks.webhooks.outbox_file import OutboxFile
from coldplate.sinks.webhooks.outcome import fleeting, outcome
from coldplate.sinks.webhooks.turn import Turn
from coldplate.sinks.webhooks.waiting import DeadLetter, Lengths, Limits, Waiting
from coldplate.wire.action import Action, Verb

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_message = msgspec.msgpack.Decoder(Message).decode
_action = msgspec.msgpack.Decoder(Action).decode

_FIELDS = "seq, id, receiver, lot, number, since_ms, due_ms, tries, said, body"


class Outbox:
    """The file, in the words of who sends. Every call from any thread; each write is one transaction.

    Parameters
    ----------
    path
        Of the file.
    who
        What its actions name as their doer.
    alone
        False for a command that looks into the file while an alerter runs.
    limits
        See there.
    clock
        Unix seconds.

    Raises
    ------
    OutboxBusy, OutboxUnfit
        See `OutboxFile`. Later every call may raise `OutboxError`: then nothing of it has happened.

    Notes
    -----
    A write waits for the disk: about 1 ms on a solid one. Asking for the heads costs the same whether ten messages wait or
    ten thousand. `counts` has (receiver, reason) of all that was dropped since the start.
    """

    def __init__(
        self, path: Path, who: str = "alerter", *, alone: bool = True, limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.file = OutboxFile(path, alone=alone)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._who, self._limits, self._clock = who, limits or Limits(), clock

    def commit(self, turn: Turn) -> None:
        """Write down what a turn decided; a message or action that waits already, by its id, waits once."""
        with self.file.write() as db:
            for message in turn.messages:
                self._add(db, message)
            for receiver in {message.receiver for message in turn.messages}:
                self._bound(db, receiver)
            self._publish(db, turn.actions)
            for key, value in turn.states.items():
                if value is None:
                    db.execute("DELETE FROM states WHERE key = ?", (key,))
                else:
                    db.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", (key, value))
            db.executemany(
                "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
                [(topic, part, after) for (topic, part), after in turn.offsets.items()],
            )

    def states(self) -> Iterator[tuple[str, bytes]]:
        """All that is remembered, by key."""
        with self.file.read() as db:
            rows = db.execute("SELECT key, value FROM states ORDER BY key").fetchall()
        yield from rows

    def offsets(self) -> dict[tuple[str, int], int]:
        """Next offset by (topic's id, partition)."""
        with self.file.read() as db:
            rows = db.execute("SELECT topic, part, next FROM offsets").fetchall()
        return {(topic, part): after for topic, part, after in rows}

    def heads(self, receiver: str, limit: int) -> list[Waiting]:
        """The first message of each group of a receiver, those that are due first before the others."""
        return self._heads(
            "receiver = ? AND head = 1 ORDER BY due_ms, seq LIMIT ?", (receiver, limit)
        )

    def expired(self, receiver: str, before_ms: int, limit: int) -> list[Waiting]:
        """Heads whose age counts from before a time, the oldest first."""
        where = "receiver = ? AND head = 1 AND since_ms <= ? ORDER BY since_ms LIMIT ?"
        return self._heads(where, (receiver, before_ms, limit))

    def taken(self, message: Message, said: str) -> Sequence[Action]:
        """A receiver has it. Returns what is published of it."""
        actions = outcome(message, Verb.SENT, said, self._who, self._now_ms)
        with self.file.write() as db:
            self._remove(db, message)
            # It may have been pushed out while it was on its way.
            db.execute("DELETE FROM dead WHERE receiver = ? AND id = ?", _key(message))
            self._publish(db, actions)
        return actions

    def retry(self, message: Message, at_ms: int, said: str) -> None:
        """It was not taken: again at a time."""
        with self.file.write() as db:
            db.execute(
                "UPDATE messages SET due_ms = ?, tries = tries + 1, said = ? WHERE receiver = ? AND id = ?",
                (at_ms, said, *_key(message)),
            )

    def hurry(self, receiver: str) -> None:
        """The receiver takes messages again: nothing waits for its next attempt any longer."""
        now_ms = self._now_ms
        with self.file.write() as db:
            db.execute(
                "UPDATE messages SET due_ms = ? WHERE receiver = ? AND head = 1 AND due_ms > ?",
                (now_ms, receiver, now_ms),
            )

    def dead(self, message: Message, said: str) -> Sequence[Action]:
        """It is given up; the next of its group may go. Returns what is published of it."""
        with self.file.write() as db:
            return self._bury(db, message, said)

    def abandon(self, receivers: Collection[str], said: str) -> Sequence[Action]:
        """Give up all that waits for receivers other than these: nobody sends to them."""
        with self.file.read() as db:
            known = db.execute("SELECT receiver FROM totals WHERE what = 'messages' AND n > 0")
            gone = [name for (name,) in known.fetchall() if name not in receivers]
        actions: list[Action] = []
        for name in gone:
            while heads := self.heads(name, 100):
                for waiting in heads:
                    actions += self.dead(waiting.message, said)
        return actions

    def dead_letters(self, receiver: str = "", limit: int = 1000) -> list[DeadLetter]:
        """What was given up, newest first; of all receivers when none is named."""
        with self.file.read() as db:
            rows = db.execute(
                "SELECT id, receiver, lot, dead_ms, said, body FROM dead WHERE ? IN ('', receiver)"
                " ORDER BY seq DESC LIMIT ?",
                (receiver, limit),
            ).fetchall()
        return [
            DeadLetter(key, name, lot, dead_ms, said, _readable(body))
            for key, name, lot, dead_ms, said, body in rows
        ]

    def resend(self, ids: Collection[str] = (), receiver: str = "") -> int:
        """Send dead letters again under their ids: these, or all, or those of a receiver; returns how many."""
        now_ms = self._now_ms
        with self.file.write() as db:
            rows = db.execute(
                "SELECT seq, id, receiver, lot, number, body FROM dead WHERE ? IN ('', receiver) ORDER BY seq",
                (receiver,),
            ).fetchall()
            wanted = [row for row in rows if not ids or row[1] in ids]
            for seq, key, name, lot, number, body in wanted:
                db.execute("DELETE FROM dead WHERE seq = ?", (seq,))
                db.execute(
                    "INSERT INTO messages (id, receiver, lot, number, since_ms, due_ms, fleeting, body)"
                    " VALUES (?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING",
                    (key, name, lot, number, now_ms, now_ms, body),
                )
                _behead(db, name, lot)
        return len(wanted)

    def lengths(self) -> dict[str, Lengths]:
        """How much waits and was given up, by receiver; those with neither are left out."""
        with self.file.read() as db:
            rows = db.execute("SELECT what, receiver, n FROM totals WHERE n > 0").fetchall()
            oldest = dict(
                db.execute("SELECT receiver, min(since_ms) FROM messages WHERE head = 1 GROUP BY receiver").fetchall()
            )  # fmt: skip
        n = {(what, receiver): count for what, receiver, count in rows}
        return {
            name: Lengths(n.get(("messages", name), 0), n.get(("dead", name), 0), oldest.get(name))
            for name in sorted({receiver for _, receiver, _ in rows})
        }

    def publishable(self, limit: int = 500) -> list[Action]:
        """Actions that wait for Kafka, oldest first."""
        with self.file.read() as db:
            rows = db.execute("SELECT body FROM actions ORDER BY seq LIMIT ?", (limit,)).fetchall()
        return [_action(body) for (body,) in rows]

    def published(self, ids: Sequence[str]) -> None:
        """Kafka has them."""
        with self.file.write() as db:
            db.executemany("DELETE FROM actions WHERE id = ?", [(key,) for key in ids])

    def changed(self) -> bool:
        """Whether another process has written since the last asking: somebody sends dead letters again."""
        return self.file.changed()

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _add(self, db: sqlite3.Connection, message: Message) -> None:
        body, passing = _encode(message), fleeting(message)
        if len(body) > self._limits.bytes_max // 4:
            self._bury(db, message, f"too large: {len(body)} bytes")
            return
        if passing:
            gone = db.execute(
                "DELETE FROM messages WHERE receiver = ? AND lot = ? AND fleeting = 1 AND id != ?",
                (message.receiver, message.group, message.id),
            )
            self.counts[message.receiver, "superseded"] += gone.rowcount
        db.execute(
            "INSERT INTO messages (id, receiver, lot, number, since_ms, due_ms, fleeting, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (message.id, message.receiver, message.group, message.number, message.t_ms, message.t_ms,
             passing, body),
        )  # fmt: skip
        _behead(db, message.receiver, message.group)

    def _bound(self, db: sqlite3.Connection, receiver: str) -> None:
        n, size = _total(db, "messages", receiver)
        while n > self._limits.messages_max or size > self._limits.bytes_max:
            oldest = db.execute(
                f"SELECT {_FIELDS} FROM messages WHERE receiver = ? ORDER BY seq LIMIT 1",  # noqa: S608
                (receiver,),
            ).fetchone()
            self._bury_row(db, oldest, f"pushed out: {n} messages wait for this receiver")
            n, size = _total(db, "messages", receiver)

    def _heads(self, where: str, bound: tuple[object, ...]) -> list[Waiting]:
        with self.file.read() as db:
            rows = db.execute(f"SELECT {_FIELDS} FROM messages WHERE {where}", bound).fetchall()  # noqa: S608
        found = []
        for row in rows:
            message = _readable(row[-1])
            if message is None:
                with self.file.write() as db:
                    self._bury_row(db, row, "unreadable: written by another coldplate")
            else:
                found.append(Waiting(message, *row[5:9]))
        return found

    def _bury_row(self, db: sqlite3.Connection, row: tuple[object, ...], said: str) -> None:
        message = _readable(row[-1])
        if message is not None:
            self._bury(db, message, said)
            return
        seq, key, receiver, lot, number = row[:5]
        db.execute("DELETE FROM messages WHERE seq = ?", (seq,))
        _behead(db, str(receiver), str(lot))
        self._bury_body(db, (key, receiver, lot, number, self._now_ms, said, row[-1]))

    def _bury(self, db: sqlite3.Connection, message: Message, said: str) -> Sequence[Action]:
        self._remove(db, message)
        self.counts[message.receiver, said.partition(":")[0]] += 1
        if fleeting(message):
            return ()
        key, lot = (message.id, message.receiver), (message.group, message.number)
        self._bury_body(db, (*key, *lot, self._now_ms, said, _encode(message)))
        actions = outcome(message, Verb.DEAD, said, self._who, self._now_ms)
        self._publish(db, actions)
        return actions

    def _bury_body(self, db: sqlite3.Connection, row: tuple[object, ...]) -> None:
        # Not OR REPLACE: what that deletes, the triggers that count do not see.
        db.execute("DELETE FROM dead WHERE id = ? AND receiver = ?", row[:2])
        db.execute(
            "INSERT INTO dead (id, receiver, lot, number, dead_ms, said, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        n, size = _total(db, "dead")
        while n > self._limits.dead_max or (size > self._limits.dead_bytes_max and n > 1):
            seq, receiver = db.execute("SELECT seq, receiver FROM dead ORDER BY seq").fetchone()
            db.execute("DELETE FROM dead WHERE seq = ?", (seq,))
            if not any(reason == "dead letter pushed out" for _, reason in self.counts):
                log.warning("%s holds %d dead letters; the oldest are dropped", self.file.path, n)
            self.counts[receiver, "dead letter pushed out"] += 1
            n, size = _total(db, "dead")

    def _remove(self, db: sqlite3.Connection, message: Message) -> None:
        db.execute("DELETE FROM messages WHERE receiver = ? AND id = ?", _key(message))
        _behead(db, message.receiver, message.group)

    def _publish(self, db: sqlite3.Connection, actions: Sequence[Action]) -> None:
        if not actions:
            return
        db.executemany(
            "INSERT OR IGNORE INTO actions (id, body) VALUES (?, ?)",
            [(action.id, _encode(action)) for action in actions],
        )
        # They leave from the front, so the numbers between first and last are how many there are, and are had at once.
        span = "SELECT ifnull(max(seq) - min(seq) + 1, 0) FROM actions"
        n = db.execute(span).fetchone()[0] - self._limits.actions_max
        if n > 0:
            db.execute(
                "DELETE FROM actions WHERE seq IN (SELECT seq FROM actions ORDER BY seq LIMIT ?)", (n,)
            )  # fmt: skip
            self.counts["", "action pushed out"] += n


def _behead(db: sqlite3.Connection, receiver: str, lot: str) -> None:
    """Say again which message of a group is the first."""
    key = (receiver, lot)
    db.execute("UPDATE messages SET head = 0 WHERE receiver = ? AND lot = ? AND head = 1", key)
    db.execute(
        "UPDATE messages SET head = 1 WHERE seq ="
        " (SELECT seq FROM messages WHERE receiver = ? AND lot = ? ORDER BY number, seq LIMIT 1)",
        key,
    )


def _total(db: sqlite3.Connection, what: str, receiver: str | None = None) -> tuple[int, int]:
    """How many, and their bytes."""
    row = db.execute(
        "SELECT coalesce(sum(n), 0), coalesce(sum(bytes), 0) FROM totals"
        " WHERE what = ? AND ifnull(?, receiver) = receiver",
        (what, receiver),
    ).fetchone()
    return row[0], row[1]


def _readable(body: object) -> Message | None:
    try:
        return _message(body)  # type: ignore[arg-type]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _key(message: Message) -> tuple[str, str]:
    return message.receiver, message.id
