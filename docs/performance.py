"""Writes the scaling section of docs/performance.md, and its picture, from what bench/scaling.py measured.

    python docs/performance.py             (`make bench` runs it after the measurements; --check: only says whether the page is current)

Between its marks the page has: cost by size, workers and frame length, medians of the runs with their spread; the fitted
line; and what 1,000,000 GPUs would take by it, with the assumptions. The picture is drawn when the page is written.
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from coldplate.sinks.tables import RAW_DAYS
from coldplate.wire.topic import Topics

HERE = Path(__file__).parent
PAGE, FOUND, PICTURE = (
    HERE / "performance.md", HERE / "performance/scaling.json", HERE / "performance/scaling.png",
)  # fmt: skip
BEGIN, END = "<!-- scaling: docs/performance.py writes what follows -->", "<!-- scaling end -->"

STAGES = ("producer", "kafka", "worker", "sink", "clickhouse")
PRODUCT = ("kafka", "worker", "sink", "clickhouse")
COLORS = dict(zip(STAGES, ("#7f8c8d", "#d68910", "#1f4e79", "#1e8449", "#c0392b"), strict=True))
TICKS = 5
KEPT_UP = 0.98
"""Of real time, by a line through the looks; a run whose lag grows is below."""

TARGET_GPUS = 1_000_000
BUSY_RATIO = 0.6
"""Share of a core that a process is planned to use: the rest is for restarts, catching up, and storms."""

SHARD_CORES = 4.0
"""A ClickHouse shard is planned to have so many for inserts and merges."""

PARTITIONS_PER_WORKER = 4
"""So that workers can be added, and a lost one's share goes to several."""

KAFKA_REPLICAS, CLICKHOUSE_REPLICAS = 3, 2

Runs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """Cores of a stage: a fixed part, and one for every million values a second.

    Parameters
    ----------
    fixed, per_million
        Fitted by least squares of the relative error; nothing is fixed rather than less than nothing.
    exponent
        Of a power law through the same points: 1 is linear.
    """

    fixed: float
    per_million: float
    exponent: float

    def cores(self, millions_per_s: float) -> float:
        """At a rate."""
        return self.fixed + self.per_million * millions_per_s


def grouped(runs: Runs) -> dict[tuple[int, int, int], Runs]:
    """Runs of one setting: GPUs, workers, ticks of a frame."""
    out: dict[tuple[int, int, int], list[Mapping[str, Any]]] = {}
    for run in runs:
        point = run["point"]
        out.setdefault((point["gpus"], point["workers"], point["ticks"]), []).append(run)
    return dict(sorted(out.items()))


def cores(run: Mapping[str, Any], stage: str) -> float:
    """Of a stage in a run; workers together."""
    used = [s for name, s in run["cpu_s"].items() if name.partition("-")[0] == stage]
    return float(sum(used)) / float(run["seconds"])


def those_that_kept_up(runs: Runs) -> list[Mapping[str, Any]]:
    """What does not keep up shows what a machine has, not what the work takes."""
    return [r for r in runs if (r["realtime_ratio"] or 0) >= KEPT_UP]


def fit(runs: Runs, stage: str) -> Line:
    """Through the runs of one worker and frames of 5 ticks, of all sizes that kept up.

    Raises
    ------
    SystemExit
        There is no line through less than two sizes.
    """
    kept_up = those_that_kept_up(runs)
    if len({r["gpus"] for r in kept_up}) < 2:
        raise SystemExit(
            f"{FOUND}: fewer than two sizes kept up ({KEPT_UP:g} of real time): measure more of them"
        )
    rate = np.array([r["values_per_s"] / 1e6 for r in kept_up])
    took = np.maximum([cores(r, stage) for r in kept_up], 1e-6)
    # Sizes differ by a hundred: each point counts by its own size.
    weighed = np.column_stack([np.ones(len(rate)), rate]) / took[:, None]
    (fixed, per_million), *_ = np.linalg.lstsq(weighed, np.ones(len(rate)), rcond=None)
    if fixed < 0:
        share = rate / took
        fixed, per_million = 0.0, share.sum() / (share**2).sum()
    exponent = np.polyfit(np.log(rate), np.log(took), 1)[0]
    return Line(float(fixed), float(per_million), float(exponent))


def table(groups: Mapping[tuple[int, int, int], Runs]) -> list[str]:
    """A line a setting: medians of its runs, the least and most of the whole beside."""
    head = ["GPUs", "workers", "ticks a frame", "runs", "million values/s", "real time", "cores (least to most)",
            *(f"{s}, CPU s per million values" for s in STAGES), "frame to row p99, s", "RSS, MB"]  # fmt: skip
    out = [head, ["---"] * len(head)]
    for (gpus, workers, ticks), runs in groups.items():
        used = [r["cores_used"] for r in runs]
        out.append([
            f"{gpus:,}", str(workers), str(ticks), str(len(runs)), f"{_median(runs, 'values_per_s') / 1e6:.2f}",
            f"{_median(runs, 'realtime_ratio'):.2f}", f"{median(used):.2f} ({min(used):.2f} to {max(used):.2f})",
            *(_stage_cost(runs, s) for s in STAGES),
            f"{_median(runs, 'frame_to_row_p99_s'):.1f}", f"{_median(runs, 'rss_total_mb'):,.0f}",
        ])  # fmt: skip
    return [f"| {' | '.join(row)} |" for row in out]


def _median(runs: Runs, key: str) -> float:
    return float(median(float(r[key]) if r[key] is not None else math.nan for r in runs))


def _stage_cost(runs: Runs, stage: str) -> str:
    return f"{median(cores(r, stage) / (r['values_per_s'] / 1e6) for r in runs):.3f}"


def dearest(runs: Runs, stage: str) -> float:
    """CPU seconds of a million values of the largest size, of its dearest run with one worker and frames of 5 ticks."""
    largest = max(r["gpus"] for r in runs)
    return max(cores(r, stage) / (r["values_per_s"] / 1e6) for r in runs if r["gpus"] == largest)


def million(runs: Runs) -> list[str]:
    """What a million GPUs would take, by the largest size that kept up."""
    runs = those_that_kept_up(runs)
    largest = max(runs, key=lambda r: r["gpus"])
    rate = largest["values_per_s"] / largest["gpus"] * TARGET_GPUS / 1e6
    need = {stage: dearest(runs, stage) * rate for stage in PRODUCT}
    workers, sinks = (math.ceil(need[s] / BUSY_RATIO) for s in ("worker", "sink"))
    shards = math.ceil(need["clickhouse"] / (SHARD_CORES * BUSY_RATIO))
    brokers = max(KAFKA_REPLICAS, math.ceil(need["kafka"] * KAFKA_REPLICAS / (SHARD_CORES * BUSY_RATIO)))  # fmt: skip
    hours = Topics().specs()[0].retention_ms / 3_600_000
    stored = _median(runs, "disk_bytes_per_value_with_rollups") * rate * 1e6 * 86_400 * RAW_DAYS
    logged = _median(runs, "kafka_bytes_per_value") * rate * 1e6 * 3600 * hours
    rows = [
        ("values", f"{rate:.0f} million a second, as {largest['gpus']:,} GPUs gave here"),
        ("cores at work", ", ".join(f"{stage} {n:.1f}" for stage, n in need.items()) + f"; together {sum(need.values()):.0f}"),
        ("workers", f"{workers}, on {workers * PARTITIONS_PER_WORKER} partitions"),
        ("sinks", str(sinks)),
        ("ClickHouse", f"{shards} shards of {SHARD_CORES:g} cores, times {CLICKHOUSE_REPLICAS} replicas"),
        ("Kafka", f"{brokers} brokers of {SHARD_CORES:g} cores, {KAFKA_REPLICAS} copies of each record"),
        ("disk of the history", f"{stored / 1e12:.1f} TB a replica for {RAW_DAYS} days of samples, with rollups of as long; {stored * CLICKHOUSE_REPLICAS / 1e12:.0f} TB in all"),
        ("disk of Kafka", f"{logged / 1e12:.1f} TB a copy for {hours:.0f} h; {logged * KAFKA_REPLICAS / 1e12:.1f} TB in all"),
    ]  # fmt: skip
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)]


MEASURED = """\
Measured on {cpu}, {cores} cores, {memory_gb} GB, by `python bench/scaling.py docs/performance/scaling.json`; medians, with
the least and the most of the runs."""

FITTED = f"""\
Fitted through the sizes that kept up with one worker and frames of {TICKS} ticks: cores = fixed + slope x million values a
second. The exponent is that of a power law through the same points; 1 is linear. The sinks of large halls make rollups of some minutes at once (`rollup_s`), so
that the line lies between two, and nothing below is taken from it."""

ASSUMED = f"""\
Assumed: a value costs what it costs at the largest size that was measured, by the dearest of its runs (the longest: merges only begin in the first minutes); cores like this machine's; a process
is planned to be busy for {BUSY_RATIO:.0%} of its time; a copy of a record costs another broker what the first cost the first; bytes a
value as measured, of a run of minutes whose parts are not all merged yet (a day's are smaller: [storage](history.md)); agents and their
frames are the nodes' own and not in it. Not measured: a network between the parts, and a cluster detector of
that size."""


def section(found: Mapping[str, Any]) -> str:
    """What stands between the marks."""
    runs: Runs = found["runs"]
    groups = grouped(runs)
    alike = [r for (_, workers, ticks), of in groups.items() if (workers, ticks) == (1, TICKS) for r in of]  # fmt: skip
    lines = {stage: fit(alike, stage) for stage in STAGES}
    fitted = [
        f"| {stage} | {line.fixed:.3f} | {line.per_million:.3f} | {line.exponent:.2f} |"
        for stage, line in lines.items()
    ]
    machine = runs[-1]["machine"]
    return "\n".join([
        MEASURED.format(**machine), "", *table(groups), "", "![cost by size](performance/scaling.png)", "", FITTED, "",
        "| stage | fixed, cores | slope, CPU s per million values | exponent |", "| --- | --- | --- | --- |", *fitted, "",
        f"### {TARGET_GPUS:,} GPUs", "", *million(alike), "", ASSUMED,
    ])  # fmt: skip


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Cores by rate with the fitted lines; and what a million values take by workers and frame length."""
    groups = grouped(found["runs"])
    figure: Any = Figure(figsize=(11.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    alike = [r for (_, workers, ticks), of in groups.items() if (workers, ticks) == (1, TICKS) for r in of]  # fmt: skip
    rate = np.array([r["values_per_s"] / 1e6 for r in alike])
    along = np.geomspace(rate.min(), rate.max(), 50)
    for stage in STAGES:
        took, line = [cores(r, stage) for r in alike], fit(alike, stage)
        left.plot(rate, took, "o", color=COLORS[stage], ms=4, label=stage)
        left.plot(along, [line.cores(x) for x in along], color=COLORS[stage], lw=0.9)
    left.set(xscale="log", yscale="log", xlabel="million values a second", ylabel="cores")
    left.legend(fontsize=8)
    rest = {key: of for key, of in groups.items() if (key[1], key[2]) != (1, TICKS) or _beside(key, groups)}  # fmt: skip
    bottom = np.zeros(len(rest))
    for stage in STAGES:
        cost = np.array([median(cores(r, stage) / (r["values_per_s"] / 1e6) for r in of) for of in rest.values()])  # fmt: skip
        right.bar(range(len(rest)), cost, bottom=bottom, color=COLORS[stage])
        bottom += cost
    names = [
        f"{w} worker{'s' if w > 1 else ''}\n{t} tick{'s' if t > 1 else ''}" for _, w, t in rest
    ]
    right.set_xticks(range(len(rest)), names, fontsize=8)
    right.set_ylabel("CPU seconds per million values")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def _beside(key: tuple[int, int, int], groups: Mapping[tuple[int, int, int], Runs]) -> bool:
    """Whether others of this size were measured with other workers or frames."""
    return any(other[0] == key[0] and other != key for other in groups)


def written(page: str, found: Mapping[str, Any]) -> str:
    """The page with its section anew.

    Raises
    ------
    SystemExit
        It has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE}: no line {BEGIN!r} and {END!r} after it, between which to write")
    return f"{before}{BEGIN}\n\n{section(found)}\n\n{END}{after}"


def main() -> None:
    """Write page and picture, or with --check say whether the page is current."""
    if not FOUND.exists():
        raise SystemExit(f"{FOUND} is not there: `python bench/scaling.py {FOUND}` measures it")
    found = json.loads(FOUND.read_text("utf-8"))
    page = PAGE.read_text("utf-8")
    wanted = written(page, found)
    if "--check" in sys.argv:
        sys.exit(0 if wanted == page else f"{PAGE} is not current: run python docs/performance.py")
    PAGE.write_text(wanted, "utf-8")
    draw(found, PICTURE)


if __name__ == "__main__":
    main()
