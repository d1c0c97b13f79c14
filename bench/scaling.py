"""How cost grows: the benchmark of the pipeline at several sizes, worker counts and frame lengths, into one file.

    python bench/scaling.py docs/performance/scaling.json

Some two hours at the sizes below. Every run is kept as it ends: whoever stops it goes on where it was, with --again from
the start. A run that lost something is not kept, and ends it. docs/performance.py draws and writes what follows from it.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT = (
    "gpus", "seconds", "ticks_per_frame", "metrics", "workers", "values_per_s", "frames_per_s", "realtime_ratio",
    "lag_max_s", "lag_end_s", "frame_to_row_p50_s", "frame_to_row_p99_s", "fault_to_incident_p50_s",
    "fault_to_incident_p99_s", "event_to_incident_p99_s", "injected_faults", "missed_faults", "false_incidents",
    "lost", "duplicated", "cpu_s", "cores_used", "cpu_s_per_million_values", "rss_mb", "rss_total_mb",
    "disk_bytes_per_value", "disk_bytes_per_value_with_rollups", "kafka_bytes_per_value", "versions", "machine",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One setting that is measured."""

    gpus: int
    workers: int
    ticks: int


def points(
    gpus: Sequence[int], workers: Sequence[int], ticks: Sequence[int], at_gpus: int
) -> Iterator[Point]:
    """Every size with one worker and frames of 5 ticks; every other count of workers and ticks at one size."""
    seen = dict.fromkeys(Point(n, 1, 5) for n in gpus)
    seen |= dict.fromkeys(Point(at_gpus, n, 5) for n in workers)
    seen |= dict.fromkeys(Point(at_gpus, 1, n) for n in ticks)
    return iter(seen)


def measure(point: Point, seconds: float, command: Sequence[str]) -> dict[str, Any]:
    """One run's figures.

    Raises
    ------
    SystemExit
        It failed or lost something; says how it ended.
    """
    words = (
        *command, "bench", "pipeline", "--json", "--gpus", str(point.gpus), "--workers", str(point.workers),
        "--ticks-per-frame", str(point.ticks), "--seconds", f"{seconds:g}",
    )  # fmt: skip
    ran = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"scaling: {' '.join(words)} ended with {ran.returncode}; not kept")
    figures = json.loads(ran.stdout.splitlines()[-1])
    return {key: figures[key] for key in KEPT}


def main() -> None:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1_000, 10_000, 30_000, 100_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--ticks", type=int, nargs="+", default=[1, 5, 10], help="of a frame")
    parser.add_argument("--at-gpus", type=int, default=30_000, help="size of the runs with other workers and ticks")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--again", action="store_true", help="forget what is there")
    given = parser.parse_args()
    kept: list[dict[str, Any]] = []
    if given.file.exists() and not given.again:
        kept = json.loads(given.file.read_text("utf-8"))["runs"]
    wanted = list(points(given.gpus, given.workers, given.ticks, given.at_gpus)) * given.runs
    given.file.parent.mkdir(parents=True, exist_ok=True)
    for number, point in enumerate(wanted):
        there = sum(run["point"] == asdict(point) for run in kept)
        if there > number // (len(wanted) // given.runs):
            continue
        sys.stderr.write(f"run {number + 1} of {len(wanted)}: {point}\n")
        figures = measure(point, given.seconds, (sys.executable, "-m", "coldplate.console"))
        kept.append({"point": asdict(point), **figures})
        given.file.write_text(json.dumps({"runs": kept}, indent=1) + "\n", "utf-8")
    print(json.dumps({"runs": len(kept), "file": str(given.file)}))


if __name__ == "__main__":
    main()
