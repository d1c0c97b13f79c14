"""Runs a scenario into a recording, as fast as it can, beside the same hall without faults: that gives the labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from coldplate.twin.collector import TwinCollector
from coldplate.twin.labels import Labeller
from coldplate.twin.model import Hall
from coldplate.twin.recorder import Recorder, from_ms, to_toml
from coldplate.twin.recording import Header
from coldplate.twin.scenario import Scenario

TICK_MS = 1000


def record(
    scenario: Scenario, folder: Path, *, name: str, start_ms: int, seconds: float, slow_ticks: int = 10,
    tell: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the recording of a run; what it holds.

    Parameters
    ----------
    scenario
        What happens.
    folder
        Where to; empty.
    name
        Of the recording.
    start_ms
        Unix milliseconds of the first tick.
    seconds
        Length; a tick a second.
    slow_ticks
        Slow metrics come every so many ticks, as a real agent reads them.
    tell
        Told after each tick which share is done.

    Raises
    ------
    ScenarioError, RecordingError
    """
    collector = TwinCollector(Hall(scenario), slow_ticks=slow_ticks)
    hall, faults = collector.hall, scenario.all_faults()
    # Same seed, same noise: what differs is what the faults do. Without faults it is the hall itself.
    healthy = replace(scenario, faults=(), scatter=0)
    well = TwinCollector(Hall(healthy), slow_ticks=slow_ticks) if faults else None
    labeller = Labeller(faults, hall.places)
    header = Header(name, "twin", from_ms(start_ms), TICK_MS / 1000)
    ticks, events = max(1, round(seconds)), 0
    with Recorder(folder, header, hall.inventory, collector) as recorder:
        recorder.text("scenario.toml", to_toml(msgspec.to_builtins(scenario)))
        try:
            for tick in range(ticks):
                t_ms = start_ms + tick * TICK_MS
                samples = collector.sample(t_ms)
                recorder.add(t_ms, samples)
                if well is not None:
                    labeller.look(tick * TICK_MS / 1000, samples, well.sample(t_ms))
                for happening in collector.happenings():
                    recorder.event(happening)
                    events += 1
                tell((tick + 1) / ticks)
        finally:
            # What was stopped half way is a recording too, and must not look as if nothing was wrong.
            labels = labeller.labels(start_ms)
            recorder.labels(labels)
    return {"ticks": ticks, "rows": recorder.rows, "events": events, "labels": len(labels)}
