"""One XID, one event: the driver tells it to NVML's event set and to the kernel log, and each may come first."""

import threading
from collections import deque

WINDOW_MS = 3_000
"""An event set has been seen 1.3 s behind the fault; a burst of one code on one GPU is one fault for longer than this."""

_KEPT_MAX = 4096


class XidOnce:
    """Remembers what was told lately; shared by all who read XIDs of a node. From any thread.

    Parameters
    ----------
    window_ms
        How far two sightings of one fault may lie apart.

    Examples
    --------
    >>> once = XidOnce()
    >>> once.first("node/gpu-0", 79, 10_000), once.first("node/gpu-0", 79, 11_300)
    (True, False)
    >>> once.first("node/gpu-0", 79, 14_000), once.first("node/gpu-1", 79, 14_000)
    (True, True)
    """

    def __init__(self, *, window_ms: int = WINDOW_MS) -> None:
        self._window_ms = window_ms
        self._lock = threading.Lock()
        self._told: dict[tuple[str, int], int] = {}
        self._order: deque[tuple[str, int]] = deque()

    def first(self, subject: str, code: int, t_ms: int) -> bool:
        """Whether this one is to be told.

        Parameters
        ----------
        subject
            Id of the GPU, or of the node where the GPU is not known.
        code
            The XID; negative for a class of its own (SXIDs).
        t_ms
            When it was seen, Unix milliseconds; readers may be out of order.
        """
        key = (subject, code)
        with self._lock:
            last_ms = self._told.get(key)
            # Both ways: the second reader may have the older time; and a clock that was set must not mute a code.
            if last_ms is not None and abs(t_ms - last_ms) <= self._window_ms:
                return False
            if last_ms is None:
                self._order.append(key)
                if len(self._order) > _KEPT_MAX:
                    del self._told[self._order.popleft()]
            self._told[key] = t_ms
            return True
