"""The node's GPUs through NVML: each in a lane of its own, so that one in trouble delays neither tick nor the others.

What comes every tick: power, temperatures, margin, clocks and why they are held down, utilisation, memory; the rest by
what it costs (`nvml/metrics.py`). What does not wait: XIDs and memory errors, a lost GPU, a GPU that needs a reset.
"""

import logging
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from coldplate.agents.burst import BurstWindow
from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.lane import Lane
from coldplate.agents.nvml.driver import Driver, Process
from coldplate.agents.nvml.errors import DriverGone
from coldplate.agents.nvml.events import KINDS, XID
from coldplate.agents.nvml.gpu import BURST, METRICS, Answer, Gpu, State
from coldplate.agents.nvml.ids import Named, given_ids
from coldplate.agents.nvml.session import Session, begin
from coldplate.agents.options.nvml import Nvml
from coldplate.agents.xid_once import XidOnce
from coldplate.wire.metric import Kind

log = logging.getLogger(__name__)

DEFAULTS = Nvml()

KEPT_MAX = 1000
"""Happenings that wait for the loop at most; beyond it the oldest are dropped and counted."""

PROCESSES_S = 2.0
"""How long somebody who looks at processes waits for a GPU."""

AGAIN_MS = 300_000
"""How long a GPU that could not be had is waited for before the driver is initialised anew for its sake."""

CLOSE_S = 0.2
"""How long a lane that is inside a call is waited for at the end."""


class NvmlCollector:
    """Reads the GPUs of this machine.

    Parameters
    ----------
    node, rack
        Under which names they are sent.
    options
        How they are read.
    state_dir
        Where it is remembered which GPU has which number; None does not.
    listed
        Id by UUID or serial, from an inventory.
    once
        Shared with who reads the kernel's log, so that an XID is told once.
    on_happening
        Told at once, from any thread, of what `happenings` gives too.
    tick_ms
        Length of a tick.
    clock
        Unix time in seconds, for events between ticks.

    Raises
    ------
    NoDriver
        When there is no driver or no GPU, with what to do.

    Notes
    -----
    A tick of 8 GPUs costs some milliseconds of NVML's own time, nearly all of it in the margin, and about 2 ms of ours,
    half of them for power between ticks. While the driver is gone nothing is sampled; it is initialised anew with growing
    pauses (`Lane`).
    """

    def __init__(
        self,
        node: str,
        rack: str,
        options: Nvml = DEFAULTS,
        *,
        state_dir: Path | None = None,
        listed: Mapping[str, str] | None = None,
        once: XidOnce | None = None,
        on_happening: Callable[[Happening], None] | None = None,
        tick_ms: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._options, self._clock = options, clock
        self._once, self._on_happening = once or XidOnce(), on_happening
        self._waiting: deque[Happening] = deque()
        self._counts: Counter[str] = Counter()
        self._closed = False
        driver = Driver()
        named = [(d.uuid, d.serial, d.index) for d in driver.devices]
        self._ids = given_ids(node, named, listed or {}, state_dir)
        order = tuple(sorted(self._ids.values(), key=_natural))
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.GPU: order}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.GPU: range(len(order))}),)
        self._burst = BurstWindow(len(order), tick_ms=tick_ms)
        self._session = self._begin(driver, {})
        self._next: Session | DevicesChanged | None = None
        self._gone: str = ""
        self._again_ms: int | None = None
        self._inside = [False] * len(order)
        self._lanes = [
            Lane(f"nvml/{i.rpartition('/')[2]}", self._asking(n)) for n, i in enumerate(order)
        ]
        self._driver_lane: Lane[int, None] = Lane("nvml/driver", self._begin_again)
        self._process_lanes: list[Lane[int, list[Process]]] = []

    @property
    def buses(self) -> Mapping[str, str]:
        """GPU id by PCI address, `0000:c1:00`, as the kernel's log names them."""
        return {g.device.bus: g.id for g in self._session.gpus if g.device.bus}

    @property
    def named(self) -> Sequence[Named]:
        """Every GPU by all its names, as they are now."""
        return [
            Named(g.id, g.device.uuid, g.device.serial, g.device.index) for g in self._session.gpus
        ]

    def sample(self, tick_ms: int) -> Samples:
        """What every GPU answered in time.

        Raises
        ------
        DevicesChanged
            When the driver came back with other GPUs, and now and then while a GPU could not be had at the start.
        """
        self._look_again(tick_ms)
        deadline_s = time.monotonic() + self._options.deadline_s
        out = np.full((METRICS, len(self._lanes)), np.nan)
        if self._gone:
            self._resume(tick_ms, deadline_s)
        if not self._gone:
            for lane in self._lanes:
                lane.ask(tick_ms, tick_ms)
            for gpu, lane in enumerate(self._lanes):
                answer = lane.answer(deadline_s)
                if answer is not None:
                    out[:, gpu] = answer.values
                    self._burst.add(gpu, *answer.power)
        out[BURST, :] = self._burst.features(tick_ms)
        return {Kind.GPU: out}

    def _look_again(self, tick_ms: int) -> None:
        """A GPU that could not be had when the driver was initialised may be had by now."""
        if not self._counts["gpus_left_out"]:
            return
        if self._again_ms is None:
            self._again_ms = tick_ms + AGAIN_MS
        if tick_ms >= self._again_ms:
            self._again_ms = None
            raise DevicesChanged(
                f"{self._counts['gpus_left_out']} GPUs were left out; looking again"
            )

    def conditions(self) -> None:
        """A GPU is heard."""

    def happenings(self) -> list[Happening]:
        """XIDs, memory errors, GPUs lost and back, resets that are needed, facts; since the last call."""
        out: list[Happening] = []
        with suppress(IndexError):
            while True:
                out.append(self._waiting.popleft())
        # Lanes speak in any order.
        return sorted(out, key=lambda h: (h.t_ms, _natural(h.subject)))

    def health(self) -> Sequence[Health]:
        """The driver's, with what was heard of events, then each GPU's."""
        driver = self._driver_lane.health()
        counts = {**driver.counts, **self._counts}
        # What an initialisation took too long for is over once the driver is back.
        text = self._gone and (driver.text or self._gone)
        return (
            replace(driver, ok=not text, text=text, counts=counts),
            *(lane.health() for lane in self._lanes),
        )

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """The call or field of each metric, its median cost, and why it is absent."""
        return {g.id: self._origins(g, self._lanes[n]) for n, g in enumerate(self._session.gpus)}

    def processes(self) -> Mapping[str, list[Process]]:
        """By GPU, who uses it; a GPU that does not answer in time is left out. Not for every tick."""
        if not self._process_lanes:
            self._process_lanes = [
                Lane(f"{lane.name}/processes", lambda n: self._session.gpus[n].device.processes())
                for lane in self._lanes
            ]
        for n, lane in enumerate(self._process_lanes):
            lane.ask(n, 0)
        deadline_s = time.monotonic() + PROCESSES_S
        answers = [lane.answer(deadline_s) for lane in self._process_lanes]
        ids = self.devices[Kind.GPU]
        return {i: a for i, a in zip(ids, answers, strict=True) if a is not None}

    def close(self) -> None:
        """End the threads and let go of the driver; a thread inside a call is left behind, and the driver with it."""
        if self._closed:
            return
        self._closed = True
        ended = [lane.close(CLOSE_S) for lane in self._lanes]
        ended += [lane.close(CLOSE_S) for lane in self._process_lanes]
        ended.append(self._driver_lane.close(CLOSE_S))
        idle = all(ended)
        self._session.close(idle=idle)
        if isinstance(self._next, Session):
            self._next.close(idle=idle)

    def _asking(self, position: int) -> Callable[[int], Answer]:
        def ask(tick_ms: int) -> Answer:
            session, self._inside[position] = self._session, True
            try:
                return session.gpus[position].read(tick_ms)
            except DriverGone as why:
                # A call that was caught in the old driver says nothing about the new one.
                if session is self._session:
                    self._gone = self._gone or f"the driver is gone: {why}"
                raise
            finally:
                self._inside[position] = False

        return ask

    def _resume(self, tick_ms: int, deadline_s: float) -> None:
        """Go on with the new session when there is one; else have it made."""
        if self._next is None and self._driver_lane.ask(tick_ms, tick_ms):
            self._driver_lane.answer(deadline_s)
        # Not the lane's answer, which is dropped when it is late: an initialisation takes seconds.
        if isinstance(self._next, DevicesChanged):
            raise self._next
        if self._next is not None:
            self._session, self._next, self._gone = self._next, None, ""

    def _begin_again(self, tick_ms: int) -> None:
        """Initialise the driver anew; in the driver's lane."""
        old = self._session
        # NVML counts initialisations: without the shutdown, which must not meet a call, the new one would do nothing.
        if not old.close(idle=not any(self._inside)):
            raise DriverGone("a call into the driver that is gone has not returned yet")
        driver = Driver()
        found = {d.uuid for d in driver.devices}
        if found != set(self._ids):
            driver.close()
            for gpu in old.gpus:
                if gpu.device.uuid not in found:
                    gpu.went(tick_ms, "not there after the driver came back")
            text = (
                f"{len(found)} GPUs after the driver came back, and not the same {len(self._ids)}"
            )
            self._next = DevicesChanged(text)
            return
        self._next = self._begin(driver, {g.id: g.state for g in old.gpus})
        log.warning("NVML: the driver is back: %s", dict(driver.versions))

    def _begin(self, driver: Driver, states: Mapping[str, State]) -> Session:
        order = self.devices[Kind.GPU]
        self._counts["gpus_left_out"] = driver.left_out
        return begin(
            driver, self._ids, order, self._options, self._tell, self._heard, self._counts, states
        )  # fmt: skip

    def _heard(self, gpu: Gpu, event: int, number: int) -> None:
        """An event of the driver, from the thread that listens."""
        t_ms = int(self._clock() * 1000)
        kind, text = KINDS[event]
        if event == XID and not self._once.first(gpu.id, number, t_ms):
            self._counts["events_repeated"] += 1
            return
        code = number if event in (XID, 0x8000) else None
        # A recovery action of 0 is that none is needed any more.
        if event != 0x8000 or number:
            self._tell(Happening(kind, gpu.id, t_ms, code, text, {"via": "nvml", "event": event}))

    def _tell(self, happening: Happening) -> None:
        if len(self._waiting) >= KEPT_MAX:
            with suppress(IndexError):
                self._waiting.popleft()
            self._counts["happenings_dropped"] += 1
        self._waiting.append(happening)
        if self._on_happening is not None:
            try:
                self._on_happening(happening)
            except Exception:  # who listens must not end the thread that tells
                log.exception("%s of %s was told in vain", happening.kind, happening.subject)

    def _origins(self, gpu: Gpu, lane: "Lane[int, Answer]") -> Mapping[str, Origin]:
        health = lane.health()
        why = "lost" if gpu.lost else "error" if self._gone else ""
        if not why and not health.ok:
            why = "timeout" if health.text == "no answer in time" else "error"
        told = gpu.origins()
        return {name: replace(o, absent=o.absent or why) for name, o in told}


def _natural(text: str) -> tuple[tuple[str, int], ...]:
    """Sorts `gpu-10` behind `gpu-9`."""
    return tuple((word, int(number or 0)) for word, number in re.findall(r"(\D+)(\d*)", text))
