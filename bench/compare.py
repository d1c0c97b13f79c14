"""Whether the pipeline became dearer: the same benchmark of two revisions in turns on one machine, as ratios; one JSON object.

    python bench/compare.py BASE [--gpus 5000] [--seconds 180] [--runs 3] [--limit 1.15]

BASE is what git knows (a branch, a tag, HEAD~5); it is unpacked into a temporary folder, and the working tree is compared
with it, changed files included. Both run with this Python and its packages. What each stage takes for a million values is
compared run by run, who begins changing each time, so that a machine that is slow for a while is so for both; the medians
of the ratios count. Exit 1 when a stage of the product takes more than LIMIT times what it took (production belongs to
the benchmark: shown, not judged), or a run lost something: then there are no figures.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from coldplate.console.benching.machine import describe

ROOT = Path(__file__).parents[1]
PARTS = ("wire", "agents", "twin", "streams", "sinks", "dashboards", "console")
STAGES = ("producer", "kafka", "worker", "sink", "clickhouse")
NOT_JUDGED = ("producer",)
Costs = Mapping[str, float]
"""Processor seconds for a million values, by stage."""


class Unusable(RuntimeError):  # noqa: N818  the run's state
    """A run gave no figures; the message ends with what it said."""


def unpack(base: str, folder: Path) -> str:
    """The tree of a revision in a folder, and its full name; nothing is written into the repository.

    Raises
    ------
    Unusable
        git does not know it.
    """
    try:
        name = _git("rev-parse", "--verify", f"{base}^{{commit}}").decode().strip()
        tree = _git("archive", name, *PARTS)
    except subprocess.CalledProcessError as error:
        raise Unusable(f"git does not give {base}: {error.stderr.decode().strip()}") from None
    subprocess.run(("tar", "-x", "-C", str(folder)), input=tree, check=True)
    return name


def _git(*words: str) -> bytes:
    return subprocess.run(("git", *words), cwd=ROOT, capture_output=True, check=True).stdout


def run(tree: Path, given: argparse.Namespace) -> Costs:
    """What the stages of a tree take.

    Raises
    ------
    Unusable
        It failed, or lost something.
    """
    command = (
        sys.executable, "-m", "coldplate.console", "bench", "pipeline", "--json", "--gpus", str(given.gpus),
        "--seconds", str(given.seconds), "--ticks-per-frame", str(given.ticks),
    )  # fmt: skip
    # Its folders come before those of the editable install.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(tree / part) for part in PARTS)}
    ran = subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, check=False
    )  # fmt: skip
    if ran.returncode:
        raise Unusable(f"{tree}: exit status {ran.returncode}: {ran.stderr[-2000:]}")
    return costs(json.loads(ran.stdout.splitlines()[-1]))


def costs(figures: Mapping[str, Any]) -> Costs:
    """By stage, of a benchmark's result; several workers are one stage.

    Raises
    ------
    Unusable
        Frames were lost or stored twice.
    """
    if figures["lost"] or figures["duplicated"]:
        raise Unusable(f"{figures['lost']} frames lost, {figures['duplicated']} stored twice")
    millions = figures["values_per_s"] * figures["seconds"] / 1e6
    out = dict.fromkeys(STAGES, 0.0)
    for name, cpu_s in figures["cpu_s"].items():
        stage = name.partition("-")[0]
        out[stage] = out.get(stage, 0.0) + cpu_s / millions
    return out


def ratios(pairs: Sequence[tuple[Costs, Costs]]) -> dict[str, dict[str, Any]]:
    """Of each stage what the tree takes over what the base took: median, least and most, and all figures.

    >>> ratios([({"sink": 1.0}, {"sink": 1.2}), ({"sink": 1.0}, {"sink": 1.1})])["sink"]["median"]
    1.15
    """
    out = {}
    for stage in pairs[0][0]:
        each = [tree[stage] / base[stage] for base, tree in pairs if base[stage] > 0]
        if each:
            out[stage] = {
                "median": round(median(each), 3), "min": round(min(each), 3), "max": round(max(each), 3),
                "base": [round(base[stage], 4) for base, _ in pairs],
                "tree": [round(tree[stage], 4) for _, tree in pairs],
            }  # fmt: skip
    return out


def dearer(found: Mapping[str, Mapping[str, Any]], limit: float) -> list[str]:
    """Stages of the product beyond the limit."""
    judged = (s for s in found if s not in NOT_JUDGED)
    return [stage for stage in judged if found[stage]["median"] > limit]


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Run both in turns; what is printed."""
    with tempfile.TemporaryDirectory(prefix="coldplate-compare-") as folder:
        name = unpack(given.base, Path(folder))
        pairs = []
        for number in range(given.runs):
            order = (Path(folder), ROOT) if number % 2 == 0 else (ROOT, Path(folder))
            took: dict[Path, Costs] = {}
            for tree in order:
                which = "working tree" if tree == ROOT else given.base
                sys.stderr.write(f"run {number + 1} of {given.runs}: {which}\n")
                took[tree] = run(tree, given)
            pairs.append((took[Path(folder)], took[ROOT]))
    found = ratios(pairs)
    return {
        "base": name, "gpus": given.gpus, "seconds": given.seconds, "ticks_per_frame": given.ticks,
        "runs": given.runs, "limit": given.limit, "cpu_s_per_million_values": found,
        "dearer": dearer(found, given.limit), "machine": describe(),
    }  # fmt: skip


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", help="revision to compare with")
    parser.add_argument(
        "--gpus",
        type=int,
        default=5_000,
        help="a larger hall's rollups wait two minutes, so that it takes four to measure",
    )
    parser.add_argument(
        "--seconds", type=float, default=180.0, help="rollups wait a minute, and are to be in it"
    )
    parser.add_argument("--ticks", type=int, default=5, help="of a frame")
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--limit", type=float, default=1.15, help="ratio beyond which it fails")
    try:
        result = compare(parser.parse_args())
    except Unusable as error:
        sys.stderr.write(f"compare: {error}\n")
        return 2
    print(json.dumps(result))
    return 1 if result["dearer"] else 0


if __name__ == "__main__":
    sys.exit(main())
