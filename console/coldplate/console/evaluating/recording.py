"""A recording, evaluated as if it came just now: a folder in the exchange format, or one recorded GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coldplate.agents.collector import Collector
from coldplate.console.evaluating.hall import LiveHall, Tell, label_of
from coldplate.console.evaluating.injected import Injected
from coldplate.console.evaluating.traced import START_MS, TRACE, TracedGpu
from coldplate.streams.evaluate.inject import Injection
from coldplate.streams.evaluate.label import Label
from coldplate.streams.evaluate.report import Run
from coldplate.streams.parameters import Parameters
from coldplate.twin.replayed import ReplayedCollector
from coldplate.wire.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Part:
    """What of a recording is run.

    Parameters
    ----------
    run, runs
        Of one recorded GPU: which of so many runs, each begun at another place of the recording.
    seconds
        No longer than so; None for the whole of it. One recorded GPU begins anew when it is over.
    """

    run: int = 0
    runs: int = 1
    seconds: float | None = None


WHOLE = Part()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A recording as a hall: who reads, who is there, from which tick on, how long, what is known to be wrong."""

    collector: Collector
    inventory: Inventory
    first_ms: int
    tick_ms: int
    ticks: int
    labels: Sequence[Label]


def evaluate_recording(
    folder: Path,
    tell: Tell = lambda _: None,
    *,
    rules: bool = False,
    inject: Injection | None = None,
    part: Part = WHOLE,
    parameters: Parameters | None = None,
) -> tuple[Run, LiveHall]:
    """Run a recording through detection.

    Parameters
    ----------
    folder
        The recording.
    tell
        Told after each tick which share is done.
    rules
        Whether the alert rules of today are to look too.
    inject
        A fault that is put in.
    part
        What of it is run.
    parameters
        Of the detectors; default: their own.

    Raises
    ------
    RecordingError
        When the folder is no recording.
    ValueError
        When what is put in finds no GPU or comes after the end, or several runs are asked of a hall.
    """
    opened = _open(folder, part)
    collector, labels = opened.collector, list(opened.labels)
    injected = None
    if inject is not None:
        length_s = opened.ticks * opened.tick_ms / 1000
        if inject.at_s >= length_s:
            raise ValueError(f"inject: second {inject.at_s:g} is after the end at {length_s:g} s")
        collector = injected = Injected(collector, opened.inventory, inject, opened.first_ms)
    live = LiveHall(
        collector, opened.inventory, tick_ms=opened.tick_ms, rules=rules, parameters=parameters
    )
    for tick in range(opened.ticks):
        live.tick(opened.first_ms // opened.tick_ms + tick)
        tell((tick + 1) / opened.ticks)
    if injected is not None:
        labels.append(injected.label())
    return live.run(labels), live


def _open(folder: Path, part: Part) -> _Opened:
    if (folder / TRACE).is_file():
        gpu = TracedGpu(folder, part.run, part.runs)
        ticks = int(part.seconds or gpu.length_s)
        return _Opened(gpu, gpu.inventory, START_MS, 1000, ticks, ())
    if part.runs > 1:
        raise ValueError(f"{folder}: several runs are made of one recorded GPU ({TRACE}) only")
    hall = ReplayedCollector(folder)
    recording = hall.recording
    tick_ms = round(recording.header.tick_s * 1000)
    length_s = min(part.seconds or hall.length_s, hall.length_s)
    # Ticks are whole ticks of the wall clock, and the recording's times are kept.
    first_ms = hall.first_ms // tick_ms * tick_ms
    return _Opened(
        hall, recording.inventory, first_ms, tick_ms, round(length_s * 1000 / tick_ms),
        [label_of(label) for label in recording.labels()],
    )  # fmt: skip
