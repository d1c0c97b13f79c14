"""Event sets: who listens to which GPU, and what waits to be heard."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from coldplate.twin.nvml.structs import EventData, given, point, pointed, whole

UNINITIALIZED, TIMEOUT, LOST = 1, 10, 15


@dataclass
class _Set:
    masks: dict[int, int] = field(default_factory=dict)
    waiting: deque[tuple[int, int, int]] = field(default_factory=deque)


class Events:
    """The event sets of one library, by their address."""

    def __init__(self) -> None:
        self._sets: dict[int, _Set] = {}
        self._made = 0
        self._changed = threading.Condition()
        self._alive = True
        self._lost: frozenset[int] = frozenset()

    def create(self, out: Any) -> int:
        """A new set."""
        with self._changed:
            self._made += 1
            self._sets[0xE000 + self._made] = _Set()
            point(out, 0xE000 + self._made)
        return 0

    def register(self, handle: int, mask: Any, events: Any) -> int:
        """Listen to a GPU."""
        with self._changed:
            self._sets[pointed(events)].masks[handle] = whole(mask)
        return 0

    def free(self, events: Any) -> int:
        """Let go of a set."""
        with self._changed:
            self._sets.pop(pointed(events), None)
        return 0

    @property
    def open(self) -> int:
        """How many sets nobody has let go of."""
        return len(self._sets)

    def listening(self, handle: int, bit: int) -> bool:
        """Whether somebody would hear such an event."""
        with self._changed:
            return any(s.masks.get(handle, 0) & bit for s in self._sets.values())

    def happen(self, handle: int, bit: int, number: int, *, shown: int) -> None:
        """An event of a GPU, which carries the handle `shown`."""
        with self._changed:
            for listener in self._sets.values():
                if listener.masks.get(handle, 0) & bit:
                    listener.waiting.append((shown, bit, number))
            self._changed.notify_all()

    def driver(self, *, alive: bool) -> None:
        """The driver goes or comes; who waits is told."""
        with self._changed:
            self._alive = alive
            if not alive:
                self._sets.clear()
            self._changed.notify_all()

    def lose(self, handles: frozenset[int]) -> None:
        """Which GPUs are lost: waiting for them fails at once."""
        with self._changed:
            self._lost = handles
            self._changed.notify_all()

    def wait(self, events: Any, data: Any, timeout_ms: Any) -> int:
        """The next event."""
        where = pointed(events)
        with self._changed:
            self._changed.wait_for(lambda: self._answer(where) != TIMEOUT, whole(timeout_ms) / 1000)
            code = self._answer(where)
            if code == 0:
                told = EventData.from_buffer(given(data))
                told.device, told.type, told.data = self._sets[where].waiting.popleft()
        return code

    def _answer(self, where: int) -> int:
        listener = self._sets.get(where)
        if not self._alive or listener is None:
            return UNINITIALIZED
        if listener.waiting:
            return 0
        return LOST if self._lost & listener.masks.keys() else TIMEOUT
