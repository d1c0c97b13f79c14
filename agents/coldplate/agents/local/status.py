"""What is known of a running agent; the loop's thread writes it, requests read it.

`Watched` stands between the loop and its collector and notes what passes: it adds some 30 us a tick.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from coldplate.agents.collector import (
    Collector,
    Conditions,
    Happening,
    Health,
    Origin,
    Samples,
    Source,
)
from coldplate.agents.local.dcgm import Fact
from coldplate.agents.local.latest import Latest
from coldplate.wire.metric import Kind

Counts = Mapping[str, int | float]
Owners = Callable[[], Mapping[str, Mapping[str, str]]]
"""By GPU: `pod`, `namespace`, `container`, `hpc_job` of who uses it."""

LED_BY_OTHER = "records_dropped_led_by_other"
"""Dropped because another agent has sent them: nothing is lost."""

PASSED_MAX = 256
"""Happenings that are remembered: far more than come between two ticks."""


@dataclass(slots=True)
class Status:
    """State of the agent, for `/metrics`, `/healthz` and `/readyz`.

    Parameters
    ----------
    node, version
        Whose, and of which coldplate.
    tick_ms
        Length of a tick.
    counts
        Of loop and publisher, as they stand in `--stats`.
    owners
        See `Owners`.
    gpus_expected
        How many GPUs this machine ought to have; None when nobody knows.
    """

    node: str
    version: str
    tick_ms: int
    counts: Callable[[], Counts] = dict
    owners: Owners = dict
    gpus_expected: int | None = None
    latest: Latest | None = None
    health: Callable[[], Sequence[Health]] = tuple
    missing: Mapping[str, str] = field(default_factory=dict)
    """Collectors that could not be made, and why."""
    role_state: Callable[[], str] = str
    """Of a plant's agent: `leading`, `standing_by`, `cut_off`; "" where there is no other."""
    facts: dict[str, dict[str, Fact]] = field(default_factory=dict)
    reloads: dict[str, int] = field(default_factory=lambda: {"taken": 0, "refused": 0})
    """How often the configuration was read again, by outcome."""
    xids: dict[str, int] = field(default_factory=dict)
    """Last XID by GPU."""
    ticked_s: float | None = None
    """Monotonic time of the last tick."""
    _drops: tuple[float, float] = (0.0, float("-inf"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, happening: Happening) -> None:
        """Note what a label or a metric is made of."""
        if happening.kind == "facts":
            with self._lock:
                self.facts[happening.subject] = {
                    **self.facts.get(happening.subject, {}),
                    **happening.data,
                }
        elif happening.kind == "xid" and happening.code is not None:
            self.xids[happening.subject] = happening.code

    def collectors(self) -> list[Health]:
        """How each is doing; a collector and the lane that it is asked in are one."""
        return merged(self.health())

    def dropped_s_ago(self) -> float | None:
        """How long ago it was noticed that records were dropped; None when none were. Looked at when asked."""
        now_s = time.monotonic()
        dropped = sum(
            n
            for name, n in self.counts().items()
            if name.startswith("records_dropped_") and name != LED_BY_OTHER
        )
        with self._lock:
            if dropped > self._drops[0]:
                self._drops = (dropped, now_s)
            return now_s - self._drops[1] if self._drops[0] else None


class Watched:
    """A collector whose samples and happenings a `Status` takes note of.

    Parameters
    ----------
    inner
        The collector.
    status
        Takes note; what it held of an earlier collector's samples is forgotten.
    on_tick
        Called after each tick that was sampled.

    Notes
    -----
    What cannot wait for a tick is told by its collector twice: at once, to `first`, and with `happenings`. Whichever
    comes first is the one that counts.
    """

    def __init__(
        self, inner: Collector, status: Status, on_tick: Callable[[], None] = lambda: None
    ) -> None:
        self._inner, self._status, self._on_tick = inner, status, on_tick
        self._lock = threading.Lock()
        # The objects themselves: an id is another's once its object is gone.
        self._passed: deque[Happening] = deque(maxlen=PASSED_MAX)
        self.devices: Mapping[Kind, tuple[str, ...]] = inner.devices
        self.sources: Sequence[Source] = inner.sources
        self._latest = Latest(inner.devices, status.tick_ms)
        status.latest, status.health = self._latest, inner.health

    def sample(self, tick_ms: int) -> Samples:
        """The collector's."""
        samples = self._inner.sample(tick_ms)
        self._latest.take(tick_ms, samples)
        self._status.ticked_s = time.monotonic()
        self._on_tick()
        return samples

    def conditions(self) -> Conditions | None:
        """The collector's."""
        return self._inner.conditions()

    def happenings(self) -> list[Happening]:
        """The collector's, save those that were told already."""
        return [h for h in self._inner.happenings() if self.first(h)]

    def first(self, happening: Happening) -> bool:
        """Note a happening; False when it has passed already. From any thread."""
        with self._lock:
            if any(happening is one for one in self._passed):
                return False
            self._passed.append(happening)
        self._status.heard(happening)
        return True

    def health(self) -> Sequence[Health]:
        """The collector's."""
        return self._inner.health()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """The collector's."""
        return self._inner.origins()

    def close(self) -> None:
        """Close the collector."""
        self._inner.close()


def merged(told: Sequence[Health]) -> list[Health]:
    """One of each name: well when all of that name are, with the counts of all.

    Examples
    --------
    >>> [(h.name, h.ok, h.text) for h in merged([Health("bmc", ok=True), Health("bmc", ok=False, text="401")])]
    [('bmc', False, '401')]
    """
    out: dict[str, Health] = {}
    for health in told:
        before = out.get(health.name, health)
        bad = before if not before.ok else health
        out[health.name] = Health(
            health.name, bad.ok, bad.text,
            health.duration_s if before.duration_s is None else before.duration_s,
            health.last_success_ms if before.last_success_ms is None else before.last_success_ms,
            {**before.counts, **health.counts},
        )  # fmt: skip
    return list(out.values())
