"""A recording, evaluated as if it came just now."""

from pathlib import Path

from coldplate.console.evaluating.hall import LiveHall, Tell, label_of
from coldplate.streams.evaluate.report import Run
from coldplate.twin.replayed import ReplayedCollector


def evaluate_recording(
    folder: Path, tell: Tell = lambda _: None, *, rules: bool = False
) -> tuple[Run, LiveHall]:
    """Run a recording through detection.

    Raises
    ------
    RecordingError
        When the folder is no recording.
    """
    collector = ReplayedCollector(folder)
    recording = collector.recording
    tick_ms = round(recording.header.tick_s * 1000)
    live = LiveHall(collector, recording.inventory, tick_ms=tick_ms, rules=rules)
    # Ticks are whole ticks of the wall clock, and the recording's times are kept.
    first = collector.first_ms // tick_ms
    ticks = round(collector.length_s * 1000 / tick_ms)
    for tick in range(ticks):
        live.tick(first + tick)
        tell((tick + 1) / ticks)
    return live.run([label_of(label) for label in recording.labels()]), live
