"""XIDs out of the kernel's log, at once: a thread that is blocked until the kernel says something.

Beside NVML's event set this is the second ear: it hears NVSwitches, GPUs that no longer answer NVML, and containers
in which event sets are not to be had. It tells no samples. `XidOnce` keeps the two ears from telling a fault twice.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.agents.kmsg.device import Kmsg
from coldplate.agents.kmsg.lines import fault
from coldplate.agents.kmsg.record import KERNEL, Record
from coldplate.agents.xid_once import XidOnce
from coldplate.wire.metric import Kind

log = logging.getLogger(__name__)

KEPT_MAX = 1000
"""Happenings that wait to be fetched at most; the oldest go first, counted."""

_HELP = {
    PermissionError: "reading it needs CAP_SYSLOG, or kernel.dmesg_restrict=0",
    FileNotFoundError: "it is not there; in a container, mount the host's /dev/kmsg",
}


class KmsgCollector:
    """Listens to the kernel's log.

    Parameters
    ----------
    node
        Subject of faults of devices that are no GPUs of ours.
    gpus
        GPU id by PCI address (`kmsg.lines.pci_bus`); looked up at each fault, so it may change.
    once
        Shared with the reader of NVML's events.
    on_happening
        Told at once, from the thread that listens, of what `happenings` gives too.
    path, back_s
        As in `Kmsg`. With `back_s` what was said before the start is told again at each start.
    from_programs
        Believe also what a program has written into the log: to try things out by hand.
    clock
        Unix time in seconds.
    """

    def __init__(
        self,
        node: str,
        gpus: Mapping[str, str],
        once: XidOnce,
        *,
        on_happening: Callable[[Happening], None] | None = None,
        path: str = "/dev/kmsg",
        back_s: float = 0.0,
        from_programs: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.devices: Mapping[Kind, tuple[str, ...]] = {}
        self.sources: Sequence[Source] = ()
        self._node, self._gpus, self._once = node, gpus, once
        self._on_happening, self._from_programs = on_happening, from_programs
        self._path = path
        self._counts: Counter[str] = Counter()
        self._waiting: deque[Happening] = deque()
        self._last_ms: int | None = None
        self._text = ""
        self._kmsg: Kmsg | None = None
        self._thread: threading.Thread | None = None
        try:
            self._kmsg = Kmsg(path, back_s=back_s, clock=clock)
        except OSError as error:
            hint = _HELP.get(type(error), "")
            self._fail(f"{path}: {error.strerror}{'; ' if hint else ''}{hint}")
            return
        self._thread = threading.Thread(target=self._listen, args=(self._kmsg,), daemon=True)
        self._thread.name = "kmsg"
        self._thread.start()

    def sample(self, tick_ms: int) -> Samples:
        """No values."""
        self._last_ms = tick_ms if not self._text else self._last_ms
        return {}

    def conditions(self) -> Conditions | None:
        """As they should be."""
        return None

    def happenings(self) -> list[Happening]:
        """Faults since the last call."""
        out: list[Happening] = []
        with suppress(IndexError):
            while True:
                out.append(self._waiting.popleft())
        return out

    def health(self) -> Sequence[Health]:
        """Whether the log is heard; records, faults, overruns and what was malformed."""
        counts = dict(self._counts)
        if self._kmsg is not None:
            counts |= {"overruns": self._kmsg.overruns, "malformed": self._kmsg.malformed}
        return (Health("kmsg", not self._text, self._text, None, self._last_ms, counts),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """No values, no origins."""
        return {}

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None and self._kmsg is not None:
            self._kmsg.close()
            self._thread.join(2.0)

    def _listen(self, kmsg: Kmsg) -> None:
        try:
            while True:
                for record, t_ms in kmsg.records():
                    self._take(record, t_ms)
                if not kmsg.wait():
                    return
        except OSError as error:
            self._fail(f"{self._path}: {error.strerror}")
        finally:
            kmsg.release()

    def _take(self, record: Record, t_ms: int) -> None:
        self._counts["records"] += 1
        found = fault(record.text)
        if found is None:
            return
        if record.facility != KERNEL and not self._from_programs:
            self._counts["from_programs"] += 1
            return
        subject = self._gpus.get(found.bus, self._node)
        # SXIDs are numbered on their own.
        code = found.code if found.kind == "xid" else -found.code
        if not self._once.first(subject, code, t_ms):
            self._counts["repeated"] += 1
            return
        self._counts[found.kind] += 1
        data = {"via": "kmsg", "bus": found.bus, **found.data}
        happening = Happening(found.kind, subject, t_ms, found.code, record.text, data)
        if len(self._waiting) >= KEPT_MAX:
            self._waiting.popleft()
            self._counts["dropped"] += 1
        self._waiting.append(happening)
        if self._on_happening is not None:
            self._on_happening(happening)

    def _fail(self, text: str) -> None:
        self._text = text
        log.warning("%s; XIDs are heard from NVML alone", text)
