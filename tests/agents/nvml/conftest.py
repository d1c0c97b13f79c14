"""A recorded library beneath the real pynvml, with a clock of its own, and collectors over it."""

from pathlib import Path

import pytest

from coldplate.agents.collectors.nvml import NvmlCollector
from coldplate.agents.options.nvml import Nvml
from coldplate.twin.nvml.install import beneath_pynvml
from coldplate.twin.nvml.library import Library

RECORDING = Path(__file__).parents[2] / "recordings" / "h200"
START_S = 1_790_000_000.0


class Clock:
    """Unix time that moves when it is told to."""

    def __init__(self):
        self.t_s = START_S

    def __call__(self):
        return self.t_s


class Rig:
    """A library, and what reads it; ticks follow one another a second apart.

    `make` may be called again for another collector; everything is closed at the end.
    """

    def __init__(self, clock, library, state_dir):
        self.clock, self.library, self.state_dir = clock, library, state_dir
        self.made, self.tick = [], 0

    def make(self, **changed):
        keywords = {"state_dir": self.state_dir, "clock": self.clock, **changed}
        options = keywords.pop("options", Nvml(slow_ticks=4, deadline_s=5.0, events=False))
        self.made.append(NvmlCollector("rack-0/node-0", "rack-0", options, **keywords))
        return self.made[-1]

    def sample(self, step_s=1.0):
        """The next tick of the last collector: GPU metrics, shape (metrics, GPUs)."""
        self.clock.t_s += step_s
        self.tick += 1
        (values,) = self.made[-1].sample(round(self.clock.t_s * 1000)).values()
        return values


@pytest.fixture
def rig_of(tmp_path):
    """Makes a rig of so many GPUs; `begin_s` into the recording."""
    entered = []

    def make(gpus=3, **keywords):
        clock = Clock()
        library = Library(RECORDING, gpus, clock=clock, **keywords)
        within = beneath_pynvml(library)
        within.__enter__()
        rig = Rig(clock, library, tmp_path / "state")
        entered.append((within, rig))
        return rig

    yield make
    for within, rig in reversed(entered):
        for gpu in rig.library.gpus:
            rig.library.unblock(gpu.number)
        for collector in rig.made:
            collector.close()
        within.__exit__(None, None, None)
