"""One recorded GPU as a hall of its own: the recording as it is, or one of several runs that differ.

Run 0 reads what was recorded. Each further one begins at another place of the recording and has sensors of its own:
noise is added to the power, and to temperatures before they are told in whole degrees again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.wire.inventory import Inventory, generate
from coldplate.wire.metric import Kind, metric

TRACE = "trace-10hz.csv"
"""The file by which a recorded GPU's folder is known."""

F64 = NDArray[np.float64]

POWER_SD_W, TEMPERATURE_SD_K = 2.0, 0.3

START_MS = 1_800_000_000_000
"""When a run begins; any whole tick."""

_POWER = [metric(Kind.GPU, n).number for n in ("power_w", "power_instant_w")]
_TEMPERATURES = [metric(Kind.GPU, n).number for n in ("gpu_c", "hbm_c")]
_DIE, _MARGIN = _TEMPERATURES[0], metric(Kind.GPU, "margin_c").number


class TracedGpu:
    """A recorded GPU, alone in its node and rack; nobody tells of its water.

    Parameters
    ----------
    folder
        Of the recorded GPU.
    run, runs
        Which of how many.

    Raises
    ------
    ValueError
        When a file or a column is missing; the message names it.
    """

    def __init__(self, folder: Path, run: int = 0, runs: int = 1) -> None:
        # Of a unit that is not listed nobody waits for word.
        self.inventory = Inventory(d for d in generate(1, 1, 1) if d.kind != "cdu")
        (node,) = self.inventory.of_kind("node")
        self._of = RecordedCollector(folder, node.id, node.parent)
        self.devices: Mapping[Kind, tuple[str, ...]] = self._of.devices
        self.sources: Sequence[Source] = self._of.sources
        self.length_s = self._of.length_s
        """Of the recording; after it everything comes again."""
        self._random = np.random.default_rng(run) if run else None
        # Its time counts from the first call.
        self._of.sample(START_MS - round(1000 * self.length_s * run / runs))

    def sample(self, tick_ms: int) -> Samples:
        """The GPU's readings at a tick, of which the first is at `START_MS`."""
        (values,) = self._of.sample(tick_ms).values()
        if self._random is not None:
            _blur(values, self._random)
        return {Kind.GPU: values}

    def conditions(self) -> None:
        """A recorded GPU is heard."""

    def happenings(self) -> list[Happening]:
        """None: the recording has no events."""
        return []

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Its origin is the file as a whole."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


def _blur(values: F64, random: np.random.Generator) -> None:
    """What sensors of another GPU would have made of it; the margin follows the temperature."""
    values[_POWER] += random.normal(0.0, POWER_SD_W, values[_POWER].shape)
    was_c = values[_DIE].copy()
    values[_TEMPERATURES] = np.rint(
        values[_TEMPERATURES] + random.normal(0.0, TEMPERATURE_SD_K, values[_TEMPERATURES].shape)
    )
    values[_MARGIN] -= values[_DIE] - was_c
