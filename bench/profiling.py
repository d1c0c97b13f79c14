"""Where the pipeline's Python processes spend their time: each looked at by py-spy in one run, as an icicle and a table.

    python bench/profiling.py docs/performance [--gpus 100000] [--seconds 120] [--look 40] [--py-spy PATH]

py-spy (`pip install py-spy`) looks from outside 100 times a second; the process hardly notices. What waits (a poll, a lock,
sleep) is left out. Written: `profile.json`, shares of each process's time by module, and `profile.png`, outermost call above.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from coldplate.console.benching.machine import describe

PROCESSES = {
    "worker": "coldplate.console worker", "sink": "coldplate.console sink",
    "producer": "coldplate.console.benching.production",
}  # fmt: skip
RATE_HZ = 100
WAITS = re.compile(
    r"(Condition|Event|EpollSelector|_look|_Watch\.run|StatsFile\._run|_run_once \(asyncio)"
)
"""What a stack ends in while nothing is done."""

WORK = re.compile(r"\((streams|sinks|wire|agents|console/benching)/")
"""Where a stack begins to be ours: what starts the program is left out."""

LEAST = 0.004
"""Share of a process's time below which a call is not drawn."""

Stack = tuple[str, ...]


def stacks(text: str) -> Iterator[tuple[Stack, int]]:
    """Working stacks of py-spy's raw form, outermost first, and how often each was seen."""
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        stack = tuple(re.sub(r":\d+\)$", ")", frame) for frame in frames.split(";"))
        if not WAITS.search(stack[-1]):
            ours = (i for i, frame in enumerate(stack) if WORK.search(frame))
            yield stack[next(ours, 0) :], int(count)


def by_module(seen: Sequence[tuple[Stack, int]]) -> dict[str, float]:
    """Share of the time in each module: of the innermost frame of ours, else of the innermost."""
    out: Counter[str] = Counter()
    for stack, count in seen:
        files = [f.rpartition("(")[2].rstrip(")") for f in stack]
        ours = [
            f for f in files if f.startswith(("streams/", "sinks/", "wire/", "agents/", "console/"))
        ]
        out[(ours or files)[-1]] += count
    total = sum(out.values()) or 1
    return {name: round(count / total, 4) for name, count in out.most_common(12)}


def found(name: str, within_s: float) -> int:
    """The process that runs a part; the newest, as other stacks may run too.

    Raises
    ------
    SystemExit
        It did not come.
    """
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        there = [
            p
            for p in psutil.process_iter(["cmdline", "create_time"])
            if name in " ".join(p.info["cmdline"] or ())
        ]
        if there:
            return int(max(there, key=lambda p: p.info["create_time"]).pid)
        time.sleep(0.2)
    raise SystemExit(f"profiling: no process of `{name}` came within {within_s:g} s")


def look(spy: str, folder: Path, seconds: float) -> dict[str, list[tuple[Stack, int]]]:
    """All processes at once."""
    pids = {part: found(words, 60.0) for part, words in PROCESSES.items()}
    running = {
        part: subprocess.Popen(
            [spy, "record", "-p", str(pid), "-d", f"{seconds:g}", "-r", str(RATE_HZ), "-f", "raw", "-o", str(folder / part)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for part, pid in pids.items()
    }  # fmt: skip
    for part, process in running.items():
        if process.wait():
            raise SystemExit(
                f"profiling: py-spy could not look at the {part}; it may need root's rights"
            )
    return {part: list(stacks((folder / part).read_text())) for part in running}


def draw(seen: Mapping[str, Sequence[tuple[Stack, int]]], path: Path) -> None:
    """A small icicle a process: width is time, the outermost call above."""
    figure: Any = Figure(figsize=(12.0, 3.4 * len(seen)), layout="constrained")
    for axis, (part, of) in zip(
        figure.subplots(len(seen), 1, squeeze=False)[:, 0], seen.items(), strict=True
    ):
        total, tree = sum(n for _, n in of) or 1, Counter[Stack]()
        for stack, count in of:
            for depth in range(1, len(stack) + 1):
                tree[stack[:depth]] += count
        starts: dict[Stack, float] = {(): 0.0}
        for stack in sorted(tree):
            share, above = tree[stack] / total, stack[:-1]
            left = starts[above]
            starts[above], starts[stack] = left + share, left
            if share >= LEAST:
                axis.barh(
                    -len(stack),
                    share,
                    left=left,
                    height=0.95,
                    color="#e08214" if len(stack) % 2 else "#fdb863",
                    lw=0,
                )
                if share > 0.05:
                    axis.text(
                        left + 0.002,
                        -len(stack),
                        stack[-1].partition(" (")[0][: int(share * 130)],
                        fontsize=5.5,
                        va="center",
                    )
        axis.set(title=part, xlim=(0, 1), yticks=[], xticks=[])
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(str(path))


def main() -> None:
    """Run, look, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpus", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--look", type=float, default=40.0, help="seconds")
    parser.add_argument("--py-spy", default=shutil.which("py-spy"))
    given = parser.parse_args()
    if not given.py_spy:
        raise SystemExit(
            "profiling: there is no py-spy: pip install py-spy, or name it by --py-spy PATH"
        )
    words = [
        sys.executable,
        "-m",
        "coldplate.console",
        "bench",
        "pipeline",
        "--json",
        "--gpus",
        str(given.gpus),
        "--seconds",
        f"{given.seconds:g}",
    ]
    with tempfile.TemporaryDirectory(prefix="coldplate-profile-") as made:
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        for line in running.stderr:
            if " behind" in line:  # frames are sent: what it costs begins
                break
        time.sleep(min(15.0, given.seconds / 3))
        seen = look(given.py_spy, Path(made), given.look)
        out, _ = running.communicate()
    if running.returncode:
        raise SystemExit(f"profiling: the benchmark ended with {running.returncode}")
    figures = json.loads(out.splitlines()[-1])
    given.folder.mkdir(parents=True, exist_ok=True)
    draw(seen, given.folder / "profile.png")
    kept = {
        "gpus": figures["gpus"], "cpu_s": figures["cpu_s"], "seconds": figures["seconds"], "machine": describe(),
        "share_of_time": {part: by_module(of) for part, of in seen.items()},
    }  # fmt: skip
    (given.folder / "profile.json").write_text(json.dumps(kept, indent=1) + "\n")
    print(json.dumps(kept))


if __name__ == "__main__":
    main()
