"""The node's wall clock: how wrong it may be, whether somebody keeps it right, and when it was set.

All else in a frame is filed under the time of this clock. A node whose clock is wrong is marked (`clock_wrong`), and its
steps and slews are told; nothing is shifted, since nobody can know by how much.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coldplate.agents.adjtimex import Adjtimex, KernelClock
from coldplate.agents.clock import WRONG_S, ClockChange, ClockWatch, Reading, read_clocks
from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.options.clock import Clock
from coldplate.wire.metric import CATALOGUE, Kind, metric

log = logging.getLogger(__name__)

OFFSET, ERROR, WRONG = (
    metric(Kind.NODE, name).number for name in ("clock_offset_s", "clock_error_s", "clock_wrong")
)


class ClockCollector:
    """Tells of a node's clock.

    Parameters
    ----------
    node, rack
        Under which names it is sent.
    options
        When the clock counts as wrong.
    kernel
        The kernel's view; None where it cannot be had.
    clocks
        All clocks at one instant; None when they could not be read together.

    Notes
    -----
    Some 8 us a tick.
    """

    def __init__(
        self,
        node: str,
        rack: str,
        options: Clock | None = None,
        *,
        kernel: Callable[[], KernelClock | None] | None = None,
        clocks: Callable[[], Reading | None] = read_clocks,
    ) -> None:
        options = options or Clock()
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.NODE: (node,)}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.NODE: range(1)}),)
        self._error_max_s = options.error_max_s
        self._watch = ClockWatch(step_s=options.step_s, slew_ppm=options.slew_ppm)
        self._kernel, self._clocks = kernel or Adjtimex(), clocks
        self._happenings: list[Happening] = []
        self._denied = False

    def sample(self, tick_ms: int) -> Samples:
        """Offset, greatest error, and whether the clock is wrong."""
        reading, kernel = self._clocks(), self._kernel()
        if reading is not None:
            for change in self._watch.look(
                reading.wall_s, reading.monotonic_s, reading.boottime_s, reading.raw_s
            ):
                self._changed(change, tick_ms)
        self._tell_denied(kernel is None)
        out = np.full((len(CATALOGUE[Kind.NODE]), 1), np.nan)
        if kernel is not None:
            out[OFFSET], out[ERROR] = kernel.offset_s, kernel.error_s
        out[WRONG] = self._wrong(reading, kernel)
        return {Kind.NODE: out}

    def conditions(self) -> None:
        """A node is heard."""

    def happenings(self) -> list[Happening]:
        """Steps and slews."""
        out, self._happenings = self._happenings, []
        return out

    def health(self) -> Sequence[Health]:
        """The kernel's view can be denied."""
        text = "adjtimex is not allowed" if self._denied else ""
        return (Health("clock/adjtimex", not self._denied, text),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """The kernel."""
        absent = "no-permission" if self._denied else ""
        told = {
            name: Origin("adjtimex", absent=absent) for name in ("clock_offset_s", "clock_error_s")
        }
        return {
            self.devices[Kind.NODE][0]: told | {"clock_wrong": Origin("adjtimex, CLOCK_BOOTTIME")}
        }

    def close(self) -> None:
        """Nothing is held."""

    def _wrong(self, reading: Reading | None, kernel: KernelClock | None) -> float:
        """1 or 0; NaN when nobody can say."""
        if reading is not None and self._watch.stepped_s_ago(reading.boottime_s) < WRONG_S:
            return 1.0
        if kernel is None:
            return np.nan
        return float(not kernel.synchronised or kernel.error_s > self._error_max_s)

    def _changed(self, change: ClockChange, tick_ms: int) -> None:
        if change.kind == "suspend":
            log.warning("the machine slept for %g s", change.step_s)
            return
        node = self.devices[Kind.NODE][0]
        data: dict[str, str | int | float | bool | None]
        if change.kind == "step":
            log.warning("the wall clock was set by %+g s", change.step_s)
            data = {"step_s": change.step_s}
        else:
            data = {"rate_ppm": change.rate_ppm, "state": change.state}
        self._happenings.append(Happening(f"clock_{change.kind}", node, tick_ms, data=data))

    def _tell_denied(self, denied: bool) -> None:
        if denied and not self._denied:
            log.warning("adjtimex is not allowed: nobody knows whether the clock is kept right")
        self._denied = denied
