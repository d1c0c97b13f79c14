"""The breaker of what acts by itself: so many nodes within an hour, in all and in one hall, and not one more.

A wrong detection at scale must not drain a hall. What it has let pass is written down before it is done, so that a
restart forgets nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from coldplate.sinks.webhooks.config import Exec
from coldplate.sinks.webhooks.outbox_file import OutboxFile

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """Counts different nodes within the last hour; the same one again is not a further one.

    Parameters
    ----------
    file
        The outbox's, which keeps the count.
    receiver
        Whose count.
    nodes_per_hour_max, nodes_per_hall_max
        In all, and in one hall.
    halls
        The hall of each node; those that it lacks count as one hall together.
    """

    file: OutboxFile
    receiver: str
    nodes_per_hour_max: int
    nodes_per_hall_max: int
    halls: Mapping[str, str]

    @classmethod
    def of(cls, receiver: Exec, file: OutboxFile, halls: Mapping[str, str]) -> Self:
        """A receiver's, as configured."""
        limits = receiver.nodes_per_hour_max, receiver.nodes_per_hall_max
        return cls(file, receiver.name, *limits, halls)

    def admit(self, nodes: Collection[str], now_s: float) -> str:
        """Why these may not be acted on, or "": then they count from now on. All of them or none."""
        now_ms, hour_ms = int(now_s * 1000), int(HOUR_S * 1000)
        with self.file.write() as db:
            # A clock that was set back must not make the count hold for longer than it says.
            db.execute(
                "DELETE FROM acted WHERE receiver = ? AND (t_ms <= ? OR t_ms > ?)",
                (self.receiver, now_ms - hour_ms, now_ms + hour_ms),
            )
            rows = db.execute("SELECT node, hall FROM acted WHERE receiver = ?", (self.receiver,))
            halls = dict(rows.fetchall()) | {n: self.halls.get(n, "") for n in nodes}
            if why := self._too_many(halls, nodes):
                return why
            db.executemany(
                "INSERT OR REPLACE INTO acted VALUES (?, ?, ?, ?)",
                [(self.receiver, node, halls[node], now_ms) for node in nodes],
            )
        return ""

    def _too_many(self, halls: dict[str, str], nodes: Collection[str]) -> str:
        if len(halls) > self.nodes_per_hour_max:
            return f"{len(halls)} nodes within an hour, at most {self.nodes_per_hour_max}"
        counts = Counter(halls.values())
        for hall in sorted({halls[node] for node in nodes}):
            if counts[hall] > self.nodes_per_hall_max:
                return f"{counts[hall]} nodes of {hall or 'no known hall'} within an hour, at most {self.nodes_per_hall_max}"
        return ""
