"""Events of the history in order of time, an hour at a time."""

from collections import deque
from datetime import UTC, datetime

import msgspec

from coldplate.sinks.client import Client
from coldplate.wire.event import Event
from coldplate.wire.inventory import Inventory

WINDOW_MS = 3_600_000

_EVENTS = """
SELECT kind, subject, rack, toUnixTimestamp64Milli(t), source, boot, seq, code, text, data FROM events FINAL
WHERE t >= %(begin)s AND t < %(end)s ORDER BY events.t, id
"""


class Happened:
    """Events between two times, given as time passes.

    Parameters
    ----------
    client
        Of the history.
    cluster
        Stands in the events.
    from_ms, to_ms
        Unix milliseconds.
    within
        Only events of these devices; None: all.
    """

    def __init__(
        self, client: Client, cluster: str, from_ms: int, to_ms: int, within: Inventory | None
    ) -> None:
        self._client, self._cluster, self._within = client, cluster, within
        self._read_ms, self._to_ms = from_ms, to_ms
        self._next: deque[Event] = deque()

    def due(self, tick_ms: int) -> list[Event]:
        """What happened until a tick and was not given yet."""
        while self._read_ms <= tick_ms and self._read_ms < self._to_ms:
            self._read()
        out = []
        while self._next and self._next[0].t_ms <= tick_ms:
            out.append(self._next.popleft())
        return out

    def _read(self) -> None:
        end_ms = min(self._read_ms + WINDOW_MS, self._to_ms)
        begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (self._read_ms, end_ms))
        self._read_ms = end_ms
        for kind, subject, rack, t_ms, source, boot, seq, code, text, data in self._client.execute(
            _EVENTS, {"begin": begin, "end": end}
        ):
            if self._within is None or subject in self._within:
                fields = msgspec.json.decode(data) if data else {}
                self._next.append(
                    Event(kind, subject, rack, t_ms, self._cluster, source, boot, seq, code, text, fields)
                )  # fmt: skip
