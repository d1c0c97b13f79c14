"""What storage is measured on: a rack of the twin over 24 hours, and the recorded H200 once; frames as agents send them.

The rack's day is a working one: half of it trains all day with a checkpoint every half hour, two nodes compute without
pause for ten hours, one copies memory in the afternoon, one stands idle; so every GPU has its own noise and its own
physics, and nothing is repeated. It is made once (about 20 minutes of one core) and kept, a file an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import zstandard

from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.framer import Framer
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.twin.work import Job

CLUSTER = "bench"
START_S = 1_793_577_600
"""2026-11-02, 00:00 UTC: the same every time, so that the input's hash is."""

HOUR_S = 3600
TICKS = 5
RECORDED_TICK_MS = 100
RACK = "rack-0000"


def scenario(seed: int = 1) -> Scenario:
    """The rack's day."""
    node = f"{RACK}/node-"
    training = tuple(f"{node}{n}" for n in range(4))
    return Scenario(
        1, 8, 8, seed=seed, load="idle", start_day=305.0, duration_s=86_400.0,
        jobs=(
            Job(11, training, checkpoint_every_s=1800.0),
            Job(12, (f"{node}4", f"{node}5"), start_s=7200.0, end_s=43_200.0, pattern="steady"),
            Job(13, (f"{node}6",), start_s=43_200.0, end_s=72_000.0, pattern="memory"),
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """The input, made as far as it is not there yet.

    Parameters
    ----------
    folder
        Where it is kept.
    recording
        Folder of the recorded GPU.
    hours
        Of the twin.
    """

    folder: Path
    recording: Path
    hours: int = 24

    def files(self) -> list[Path]:
        """One an hour of the twin, then the recording's."""
        hours = [self.folder / f"twin-{hour:02}.frames.zst" for hour in range(self.hours)]
        return [*hours, self.folder / "recorded.frames.zst"]

    def make(self) -> None:
        """Write what is missing; a day that was cut short is begun again, because physics has a state."""
        self.folder.mkdir(parents=True, exist_ok=True)
        *hours, recorded = self.files()
        if not all(path.is_file() for path in hours):
            for path, frames in zip(hours, _twin(self.hours), strict=True):
                _write(path, frames)
        if not recorded.is_file():
            _write(recorded, _recorded(self.recording))

    def frames(self) -> Iterator[list[bytes]]:
        """The frames of each file."""
        for path in self.files():
            yield _read(path)

    def sha256(self) -> str:
        """Of all frames in order, uncompressed."""
        digest = sha256()
        for frames in self.frames():
            for frame in frames:
                digest.update(frame)
        return digest.hexdigest()


def _twin(hours: int) -> Iterator[list[bytes]]:
    collector = TwinCollector(Hall(scenario()))
    framer = Framer(CLUSTER, collector, 1, ticks=TICKS)
    for hour in range(hours):
        out: list[bytes] = []
        for second in range(hour * HOUR_S, (hour + 1) * HOUR_S):
            tick = START_S + second
            framed = framer.add(tick, collector.sample(tick * 1000), collector.conditions())
            out += [f.record for f in framed]
        yield out


def _recorded(folder: Path) -> list[bytes]:
    collector = RecordedCollector(folder, "recorded/node-0", "recorded")
    framer = Framer(CLUSTER, collector, 1, tick_ms=RECORDED_TICK_MS, ticks=TICKS)
    first = START_S * 1000 // RECORDED_TICK_MS
    out: list[bytes] = []
    # Once through: after it the recording would begin again.
    for tick in range(first, first + int(collector.length_s * 1000 / RECORDED_TICK_MS)):
        framed = framer.add(tick, collector.sample(tick * RECORDED_TICK_MS))
        out += [f.record for f in framed]
    return out


def _write(path: Path, frames: list[bytes]) -> None:
    body = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
    whole = path.with_suffix(".tmp")
    whole.write_bytes(zstandard.compress(body, 3))
    whole.replace(path)


def _read(path: Path) -> list[bytes]:
    body = memoryview(zstandard.decompress(path.read_bytes()))
    out: list[bytes] = []
    at = 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4], "little")
        out.append(bytes(body[at + 4 : end]))
        at = end
    return out
