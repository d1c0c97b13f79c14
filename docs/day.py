"""Records the day of docs/sql.md: the twin runs docs/day.toml, and the worker's own detection judges it.

    python docs/day.py tests/recordings/day      (some 15 minutes of a core)

Judged second by second are the hours in which something goes wrong (`WATCHED_S`). Kept is one tick a minute, so that the
folder stays small, with all events and incidents; jobs are told as agents do.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import msgspec

from coldplate.agents.collector import Happening
from coldplate.console.evaluating.hall import LiveHall
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.recorder import Recorder
from coldplate.twin.recording import Header
from coldplate.twin.scenario import Scenario, load
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

START = datetime(2026, 11, 27, tzinfo=UTC)
KEEP_S = 60
STEP_TICKS = 30
WATCHED_S = (
    (17_100, 18_900),
    (31_500, 33_300),
    (38_700, 40_200),
    (49_200, 52_800),
    (55_500, 63_000),
    (79_200, 84_600),
)
"""Spans that detection judges; each begins with a worker that has just started."""

USERS = {4711: "ada", 4712: "ben", 4713: "ben", 4714: "cleo", 4715: "ada", 4716: "dana"}
SHARED = 4717
"""A small job that sits on the GPU of 4716, as fractions of a GPU are given away; the load is that of both."""


class _Noted(TwinCollector):
    """The twin, with its events kept for the recording."""

    def __init__(self, hall: Hall, *, slow_ticks: int) -> None:
        super().__init__(hall, slow_ticks=slow_ticks)
        self.noted: list[Happening] = []

    def happenings(self) -> list[Happening]:
        out = super().happenings()
        self.noted += out
        return out


def jobs(scenario: Scenario, hall: Hall, start_ms: int) -> Iterator[Happening]:
    """Begin and end of each job on each of its GPUs."""
    gpus = hall.devices[Kind.GPU]
    shared = msgspec.structs.replace(
        scenario.jobs[-1], number=SHARED, start_s=36_000.0, end_s=54_000.0
    )
    for job in (*scenario.jobs, shared):
        also = job.on == shared.on
        for gpu in (gpus[i] for subject in job.on for i in hall.places(Kind.GPU, subject)):
            since_ms = start_ms + round(job.start_s * 1000)
            data = {
                "id": str(job.number),
                "since_ms": since_ms,
                "user": USERS.get(job.number),
                "shared": also,
            }
            yield Happening(
                "job", gpu, since_ms, job.number, str(job.number), data | {"state": "start"}
            )
            if job.end_s is not None:
                end_ms = start_ms + round(job.end_s * 1000)
                yield Happening(
                    "job", gpu, end_ms, job.number, str(job.number), data | {"state": "end"}
                )


def named(inventory: Inventory) -> Inventory:
    """With a serial number and UUID for each GPU, as devices tell; the twin's have none."""
    return Inventory(
        replace(d, serial=f"16540{n:08}", uuid=f"GPU-{uuid5(NAMESPACE_URL, d.id)}")
        if d.kind == "gpu"
        else d
        for n, d in enumerate(inventory)
    )


def record(folder: Path, seconds: int) -> None:
    """Write the folder."""
    scenario = load(str(Path(__file__).parent / "day.toml"))
    hall = Hall(scenario)
    collector = _Noted(hall, slow_ticks=1)
    header = Header("day", "twin", START, float(KEEP_S), "one tick a minute")
    start_s = int(START.timestamp())
    incidents: list[Incident] = []
    with Recorder(folder, header, named(hall.inventory), collector) as recorder:
        for minute in range(0, seconds, KEEP_S):
            if not any(first <= minute < end for first, end in WATCHED_S):
                recorder.add((start_s + minute) * 1000, collector.sample((start_s + minute) * 1000))
                collector.happenings()
                continue
            if minute in {first for first, _ in WATCHED_S}:
                live = LiveHall(
                    collector, hall.inventory, step_ticks=STEP_TICKS, frame_ticks=STEP_TICKS
                )
            for second in range(minute, minute + KEEP_S):
                live.tick(start_s + second)
                if second == minute:
                    recorder.add((start_s + second) * 1000, live.samples)
            if minute + KEEP_S in {end for _, end in WATCHED_S}:
                incidents += live.live.incidents
        happened = [*collector.noted, *jobs(scenario, hall, start_s * 1000)]
        for happening in sorted(happened, key=lambda h: h.t_ms):
            recorder.event(happening)
    lines = [msgspec.json.encode(incident) + b"\n" for incident in incidents]
    (folder / "incidents.jsonl").write_bytes(b"".join(lines))


if __name__ == "__main__":
    record(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 86_400)
