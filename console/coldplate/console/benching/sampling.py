"""The agent that `coldplate bench agent` measures: as `coldplate agent` runs it, save that what it samples is chosen here.

Each sampling's begin is noted; what all of it costs is measured from outside.

    python -m coldplate.console.benching.sampling SAMPLING    (JSON, see `Sampling`; the rest from the environment)

Prints a line when it samples, and one JSON object when it was told to end.
"""

import json
import os
import sys
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Literal

import msgspec

from coldplate.agents.collector import (
    Collector,
    Conditions,
    Happening,
    Health,
    Origin,
    Samples,
    Source,
)
from coldplate.agents.collectors.own import OwnCollector
from coldplate.agents.gather import Gathering
from coldplate.console.agenting import Agent
from coldplate.console.context import Context
from coldplate.console.crew import Crew, Hire, NodeCrew, RecordedCrew, Ties, state_dir
from coldplate.wire.metric import Kind

SourceName = Literal["recorded", "nvml"]

NODE, RACK = "rack-0003/node-5", "rack-0003"
SPREAD_S = 256.0
"""Length of the recording over which GPUs are spread."""


class Sampling(msgspec.Struct, frozen=True):
    """What to sample.

    Parameters
    ----------
    source
        `recorded`: the GPUs of a recording; `nvml`: the driver's collector on a stand-in for the driver that replays
        the recording and takes for each call what it took.
    gpus
        How many.
    recording
        Folder of the recording.
    """

    source: SourceName
    gpus: int
    recording: str


class Made(msgspec.Struct, frozen=True):
    """Who samples, and what of their time is not the agent's own.

    Parameters
    ----------
    hire
        Gives the collectors.
    stand_in_cpu_s
        Processor time that went into playing a driver.
    driver_s
        Time for which a real driver would have kept the agent's threads.
    stand_in_rss_mb
        Memory that the playing takes.
    """

    hire: Hire
    stand_in_cpu_s: Callable[[], float] = lambda: 0.0
    driver_s: Callable[[], float] = lambda: 0.0
    stand_in_rss_mb: float = 0.0


class Punctual:
    """A collector that notes how late after its tick each sampling begins.

    Parameters
    ----------
    collector
        What samples.
    late_ms
        Takes the notes.
    """

    def __init__(self, collector: Collector, late_ms: "array[float]") -> None:
        self._collector, self._late_ms = collector, late_ms
        self.devices: Mapping[Kind, tuple[str, ...]] = collector.devices
        self.sources: Sequence[Source] = collector.sources

    def sample(self, tick_ms: int) -> Samples:
        """That of the collector."""
        self._late_ms.append(time.time() * 1000 - tick_ms)
        if len(self._late_ms) == 1:
            print("samples", flush=True)
        return self._collector.sample(tick_ms)

    def conditions(self) -> Conditions | None:
        """That of the collector."""
        return self._collector.conditions()

    def happenings(self) -> list[Happening]:
        """Those of the collector."""
        return self._collector.happenings()

    def health(self) -> Sequence[Health]:
        """That of the collector."""
        return self._collector.health()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Those of the collector."""
        return self._collector.origins()

    def close(self) -> None:
        """That of the collector."""
        self._collector.close()


class PunctualCrew:
    """A crew whose samplings are noted."""

    def __init__(self, crew: Crew, late_ms: "array[float]") -> None:
        self._crew, self._late_ms = crew, late_ms
        self.node, self.gpus_expected, self.spool = crew.node, crew.gpus_expected, crew.spool
        self.watches_clock = crew.watches_clock
        self.owners, self.wait = crew.owners, crew.wait
        self.release, self.missing, self.close = crew.release, crew.missing, crew.close

    def gather(self, *, deadline_s: float) -> Collector:
        """What the crew gathers."""
        return Punctual(self._crew.gather(deadline_s=deadline_s), self._late_ms)


def _recorded(sampling: Sampling, _beside: ExitStack) -> Made:
    from coldplate.agents.collectors.recorded import RecordedCollector

    gpus = RecordedCollector(Path(sampling.recording), NODE, RACK, gpus=sampling.gpus)

    def hire(context: Context, ties: Ties) -> Crew:
        # Each in its lane, as a node's are.
        both = Gathering({"recorded": gpus, "own": OwnCollector(NODE, RACK, ties.counts)})
        return RecordedCrew(both, NODE, state_dir(context) / "spool")

    return Made(hire)


def _nvml(sampling: Sampling, beside: ExitStack) -> Made:
    # What the agent imports anyway is not the stand-in's.
    import_module("coldplate.agents.collectors.nvml")
    before_mb = _rss_mb()
    from coldplate.twin.nvml.install import beneath_pynvml
    from coldplate.twin.nvml.library import Library

    # Spread, so that the GPUs do not all do the same at the same time; a call sleeps for as long as it took.
    library = Library(
        Path(sampling.recording), sampling.gpus, shift_s=SPREAD_S / sampling.gpus, charge="sleep"
    )
    beside.enter_context(beneath_pynvml(library))

    def hire(context: Context, ties: Ties) -> Crew:
        return NodeCrew(context, ties, node=NODE, rack=RACK)

    taken_mb = _rss_mb() - before_mb
    return Made(hire, lambda: library.cpu_s, lambda: library.nvml_s, taken_mb)


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


SOURCES: dict[str, Callable[[Sampling, ExitStack], Made]] = {
    "recorded": _recorded, "nvml": _nvml,
}  # fmt: skip


def main(sampling: Sampling) -> None:
    """Sample until told to end, then say how it went."""
    context, late_ms = Context(), array("d")
    context.log_to_stderr()
    with ExitStack() as beside:
        made = SOURCES[sampling.source](sampling, beside)

        def hire(context: Context, ties: Ties) -> Crew:
            return PunctualCrew(made.hire(context, ties), late_ms)

        counts = Agent(context, hire, boot=time.time_ns()).run()
    said = {
        "counts": counts, "late_ms": list(late_ms),
        "stand_in_cpu_s": made.stand_in_cpu_s(), "driver_s": made.driver_s(),
        "stand_in_rss_mb": made.stand_in_rss_mb,
    }  # fmt: skip
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Sampling))
