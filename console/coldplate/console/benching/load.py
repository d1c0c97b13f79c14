"""What the benchmark of the pipeline sends, as its command and its sending process both have it."""

import math
from typing import Literal

import msgspec

from coldplate.twin.scenario import Scenario
from coldplate.wire.inventory import Inventory, generate

GPUS = 8
"""Of a node."""

CYCLE_S = 10
"""About so many seconds of distinct frames are prepared; slow metrics come once in so many ticks."""

NEVER = 1 << 40

Mode = Literal["faults", "storm", "burst"]


class Load(msgspec.Struct, frozen=True):
    """What to send; ticks are of one second.

    Parameters
    ----------
    nodes, racks
        Nodes of 8 GPUs in all, and the racks over which they are spread.
    ticks
        Ticks of a frame.
    metrics
        `full`: the fast metrics every tick and the slow ones every 10th, as an agent reads them; `fast`: no slow ones.
    warm_up_s, seconds
        Time sent before the measured time, and that.
    mode
        `faults`: some racks have one each; `storm`: the hall loses its facility water after the warm-up and every source
        sends short frames from then on; `burst`: worker and sink are away for a while, and nothing is wrong.
    seed
        Of which rack has which fault when.
    pause_s
        How long worker and sink are away after the warm-up, in a burst.
    """

    nodes: int
    racks: int
    ticks: int
    metrics: str
    warm_up_s: float
    seconds: float
    mode: Mode = "faults"
    seed: int = 1
    pause_s: float = 0.0

    @property
    def cycle_s(self) -> int:
        """Length of the prepared cycle: whole frames."""
        return self.ticks * math.ceil(CYCLE_S / self.ticks)

    @property
    def slow_ticks(self) -> int:
        """Slow metrics come every so many ticks."""
        return CYCLE_S if self.metrics == "full" else NEVER

    @property
    def gpus(self) -> int:
        """Of all nodes."""
        return self.nodes * GPUS

    @property
    def sources(self) -> int:
        """Nodes and CDUs."""
        return self.nodes + self.racks

    @property
    def nodes_per_rack(self) -> int:
        """Of every rack but the last, which may have fewer."""
        return math.ceil(self.nodes / self.racks)

    @property
    def frames_per_s(self) -> float:
        """Of all sources together, while none of them hurries."""
        return self.sources / self.ticks

    @property
    def length_s(self) -> float:
        """From the first frame to the last."""
        return self.warm_up_s + self.pause_s + self.seconds

    def scenario(self) -> Scenario:
        """A hall with room for the nodes; the last rack may have more than send."""
        return Scenario(self.racks, self.nodes_per_rack, GPUS, load="steps")

    def inventory(self) -> Inventory:
        """The devices that send, and their racks."""
        scenario = self.scenario()
        whole = generate(scenario.racks, scenario.nodes, scenario.gpus)
        left_out = {d.id for d in whole.of_kind("node")[self.nodes :]}
        return Inventory(d for d in whole if not {d.id, d.parent} & left_out)
