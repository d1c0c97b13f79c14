"""One GPU in its lane: what is due at this tick, and what changes about it that people must know."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Happening, Origin
from coldplate.agents.nvml.buffer import NONE, PowerBuffer, Readings
from coldplate.agents.nvml.driver import Device, Fact
from coldplate.agents.nvml.errors import DriverGone, Lost, NeedsReset, NvmlError
from coldplate.agents.nvml.metrics import TABLE
from coldplate.agents.nvml.poll import PowerPoll
from coldplate.agents.nvml.reading import Cost, Reading, period_ticks, reading
from coldplate.agents.options.nvml import Nvml
from coldplate.wire.metric import CATALOGUE, Kind, metric

METRICS = len(CATALOGUE[Kind.GPU])
BURST = tuple(
    metric(Kind.GPU, name).number
    for name in ("power_min_w", "power_max_w", "power_std_w", "swing_hz", "swing_w")
)
"""Rows of what is computed from readings between ticks."""

FACTS_TICKS = 60
SPREAD = 3
"""Lines of the table that follow one another are so many ticks apart, and the GPUs one tick."""

_NEEDS_RESET = metric(Kind.GPU, "needs_reset").number
_ACTION = metric(Kind.GPU, "recovery_action").number


@dataclass(frozen=True, slots=True)
class Answer:
    """What a GPU told for one tick: shape (metrics,), NaN where absent, and power since the last answer."""

    values: NDArray[np.float64]
    power: Readings


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a GPU beyond one initialisation of the driver, so that it is told once."""

    lost: bool = False
    needs_reset: bool = False
    facts: Mapping[str, Fact] | None = None


class Gpu:
    """Reads one GPU, in one thread.

    Parameters
    ----------
    device, id
        NVML's and ours.
    position
        Among the GPUs, from 0: slow readings of different GPUs fall on different ticks.
    options
        How it is read.
    versions
        Of driver and library, told among its facts.
    state
        As the one before it left it.
    tell
        Called with what cannot wait.
    """

    def __init__(
        self,
        device: Device,
        id: str,  # noqa: A002  what everybody calls it
        position: int,
        options: Nvml,
        versions: Mapping[str, Fact],
        tell: Callable[[Happening], None],
        state: State = State(),
    ) -> None:
        self.device, self.id, self.lost = device, id, state.lost
        self._position, self._options, self._versions = position, options, versions
        self._tell = tell
        self._needs_reset, self._facts = state.needs_reset, state.facts
        self._count = 0
        self._power: PowerBuffer | PowerPoll | None = None
        self._power_source, self._power_cost, self._power_absent = "", Cost(), ""
        self._again()

    @property
    def state(self) -> State:
        """For the one after it."""
        return State(self.lost, self._needs_reset, self._facts)

    def read(self, tick_ms: int) -> Answer:
        """What is due now; all of it at the first time.

        Raises
        ------
        Lost
            When the GPU is; told once.
        DriverGone
            When there is no driver to ask any more.
        NvmlError
            When it answered nothing of what comes every tick.
        """
        out = np.full(METRICS, np.nan)
        count, answered = self._count, False
        try:
            for line, period, phase in self._readings:
                if (count == 0 or (count + phase) % period == 0) and not line.done:
                    line.read(out)
                    (self._refused.add if line.reset else self._refused.discard)(phase)
                    answered = answered or (period == 1 and not line.absent)
            power = self._read_power()
            if count == 0 or (count + self._position) % FACTS_TICKS == 0:
                self._look_at_facts(tick_ms)
        except Lost as why:
            self.went(tick_ms, str(why))
            raise
        self._look_at_reset(out, tick_ms)
        if not answered:
            refused = NeedsReset if self._refused else NvmlError
            raise refused("nothing of what is read every tick was answered")
        self._count += 1
        if self.lost:
            self.lost = False
            self._tell(Happening("gpu_back", self.id, tick_ms))
        return Answer(out, power)

    def went(self, t_ms: int, text: str) -> None:
        """It is lost; told once."""
        if not self.lost:
            self.lost = True
            self._tell(Happening("gpu_lost", self.id, t_ms, text=text))

    def origins(self) -> Iterator[tuple[str, Origin]]:
        """By metric; from any thread."""
        for line, _, _ in self._readings:
            yield from line.origins()
        for row in BURST:
            name = CATALOGUE[Kind.GPU][row].name
            yield name, Origin(self._power_source, self._power_cost.us, self._power_absent)

    def close(self) -> None:
        """Stop polling; what is in a call stays there."""
        if isinstance(self._power, PowerPoll):
            self._power.close()

    def _again(self) -> None:
        """Ask everything anew, what was unsupported too."""
        self._count = 0
        self._readings: list[tuple[Reading, int, int]] = []
        # Phases, which are one a line, of those that wait for a reset.
        self._refused: set[int] = set()
        for position, line in enumerate(TABLE):
            period = period_ticks(line.rate, self._options.slow_ticks)
            phase = SPREAD * position + self._position
            self._readings.append((reading(line, self.device), period, phase))
        self.close()
        self._power, self._power_absent = None, ""
        self._power_source = {
            "auto": "NVML power samples, 20 ms apart",
            "poll": f"NVML field 186 at {self._options.poll_hz:g} Hz",
            "off": "",
        }[self._options.burst]
        if self._options.burst == "off":
            self._power_absent = "disabled"

    def _read_power(self) -> Readings:
        """Power since the last tick, from the buffer or, where there is none, from polling."""
        if self._power_absent:
            return NONE
        try:
            if self._power is None:
                self._power = self._power_reader()
            began_s = perf_counter()
            power = self._power.read()
            self._power_cost.took(perf_counter() - began_s)
        except (Lost, DriverGone):
            raise
        except NvmlError as why:
            if isinstance(self._power, PowerPoll) or self._options.burst == "poll":
                self._power_absent = why.reason
            else:
                self._power_source = f"NVML field 186 at {self._options.poll_hz:g} Hz"
                self._power, self._power_cost = self._poll(), Cost()
            return NONE
        return power

    def _power_reader(self) -> PowerBuffer | PowerPoll:
        return PowerBuffer(self.device) if self._options.burst == "auto" else self._poll()

    def _poll(self) -> PowerPoll:
        options, name = self._options, f"poll-{self.id}"
        return PowerPoll(self.device, options.poll_hz, options.budget_ratio, name)

    def _look_at_facts(self, tick_ms: int) -> None:
        facts = {**self._versions, **self.device.facts()}
        if facts == self._facts:
            return
        before, self._facts = self._facts, facts
        self._tell(Happening("facts", self.id, tick_ms, data=facts))
        # A GPU in MIG mode does not tell its utilisation; one that left it does again.
        if before is not None and before.get("mig") != facts["mig"]:
            self._again()

    def _look_at_reset(self, out: NDArray[np.float64], tick_ms: int) -> None:
        refused, said = bool(self._refused), out[_NEEDS_RESET]
        if refused or said > 0:
            if not self._needs_reset:
                self._needs_reset = True
                action = None if np.isnan(out[_ACTION]) else int(out[_ACTION])
                text = (
                    "calls are refused until the GPU is reset" if refused else "it says so itself"
                )
                self._tell(Happening("needs_reset", self.id, tick_ms, action, text))
        elif said == 0:
            self._needs_reset = False
