"""Runs that are over, kept in a folder: whoever is stopped goes on where it was, and runs of several days are pooled.

One file a run, named by the detectors' parameters, the hall and the seed: with other parameters it is another run. The
git revision stands in it, so that pooled figures can say of which code they are.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import msgspec

from coldplate.console.evaluating.sets import revision
from coldplate.streams.detectors import parameters_sha
from coldplate.streams.evaluate.report import Run


class Kept(msgspec.Struct, frozen=True):
    """A run that is over.

    Parameters
    ----------
    name, seed, seconds
        Which hall, and how long it was run.
    revision
        Of the source tree; None where there is none.
    cpu_s
        What it took.
    run, rules
        What was found, and what the alert rules of today found; None where they were not asked.
    """

    name: str
    seed: int
    seconds: float
    revision: str | None
    cpu_s: float
    run: Run
    rules: Run | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A run that is to be.

    Parameters
    ----------
    name, seed, seconds
        As in `Kept`.
    evaluate
        Runs it; it is called in a process of its own where there are several, so it can be pickled.
    mark
        Changes with what the name does not tell: the scenario's content.
    """

    name: str
    seed: int
    seconds: float
    evaluate: Callable[[int, float], tuple[Run, Run | None]]
    mark: str = ""

    def path(self, folder: Path) -> Path:
        """Its file."""
        name = f"{parameters_sha()}-{self.name}{self.mark}-{self.seconds:g}s-{self.seed}.json"
        return folder / name


def finished(folder: Path, works: Iterable[Work], processes: int = 1) -> Iterator[Kept]:
    """Every run, those that are kept first; each is kept as soon as it is over.

    Parameters
    ----------
    folder
        Where they are kept.
    works
        In any order.
    processes
        So many runs at the same time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    works = list(works)
    missing = [w for w in works if not w.path(folder).is_file()]
    for work in works:
        if work not in missing:
            yield read(work.path(folder))
    if processes == 1:
        for work in missing:
            yield _keep(folder, work)
        return
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(_keep, folder, work) for work in missing]):
            yield future.result()


def read(path: Path) -> Kept:
    """A run that is kept."""
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def _keep(folder: Path, work: Work) -> Kept:
    began_s = process_time()
    run, rules = work.evaluate(work.seed, work.seconds)
    cpu_s = round(process_time() - began_s, 1)
    kept = Kept(work.name, work.seed, work.seconds, revision(), cpu_s, run, rules)
    path = work.path(folder)
    # A file that is there is whole.
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(msgspec.json.encode(kept))
    part.replace(path)
    return kept
