"""What a run of the twin is: size of the hall, water, load and faults; from a TOML file, refused when wrong."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from coldplate.twin.fault import Fault
from coldplate.twin.faults.check import problem
from coldplate.twin.places import Places
from coldplate.twin.scatter import ScatterError, scatter
from coldplate.twin.work import Job, clash
from coldplate.wire.inventory import Inventory, generate

_FOLDER = files("coldplate.twin").joinpath("scenarios")


class ScenarioError(ValueError):
    """A scenario that cannot be run; the message says which file, which key, and what is expected."""


class Scenario(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A run.

    Parameters
    ----------
    racks, nodes, gpus
        Racks of the hall, nodes a rack, GPUs a node.
    seed
        Of everything that is random.
    supply_c
        Set point of the coolant supply.
    flow_lpm
        Coolant a GPU with all pumps well.
    load
        What one job over the whole hall does when no `jobs` are told: `idle`, `steady`, `zeros`, `memory`, `steps`.
    duration_s
        How long a run takes that is told no other end.
    start_day
        Day of the year, with its fraction the time of day.
    outdoor_c
        Mean of the year at the place.
    jobs
        Who computes what, where, when.
    faults
        In any order.
    scatter, scatter_kinds
        So many faults of each kind (of these kinds; without them of all) at random places, over the duration.
    """

    racks: int = 4
    nodes: int = 8
    gpus: int = 8
    seed: int = 1
    supply_c: float = 30.0
    flow_lpm: float = 1.0
    load: Literal["idle", "steady", "zeros", "memory", "steps"] = "steady"
    duration_s: float = 120.0
    start_day: float = 105.5
    outdoor_c: float = 13.0
    jobs: tuple[Job, ...] = ()
    faults: tuple[Fault, ...] = ()
    scatter: int = 0
    scatter_kinds: tuple[str, ...] = ()

    def inventory(self) -> Inventory:
        """The devices of its hall."""
        return generate(self.racks, self.nodes, self.gpus)

    def all_jobs(self) -> tuple[Job, ...]:
        """Its jobs; without any, one over the whole hall that does what `load` says, from before the start on."""
        if self.jobs or self.load == "idle":
            return self.jobs
        return (Job(1, ("hall",), pattern=self.load, ramp_s=0.0),)

    def all_faults(self) -> tuple[Fault, ...]:
        """Its faults, and those that are scattered over the hall."""
        if not self.scatter:
            return self.faults
        kinds = self.scatter_kinds or None
        return self.faults + scatter(
            self.inventory(), self.seed, self.duration_s, self.scatter, kinds
        )


def names() -> list[str]:
    """Scenarios that come with coldplate."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _FOLDER.iterdir()
        if entry.name.endswith(".toml")
    )


def load(name: str) -> Scenario:
    """A scenario that comes with coldplate, by name, or of a TOML file, by path.

    Raises
    ------
    ScenarioError
        Unknown name, unreadable file, unknown key, value out of range, fault on a device that is not there.
    """
    if name in names():
        text = _FOLDER.joinpath(f"{name}.toml").read_text("utf-8")
    elif name.endswith(".toml"):
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"scenario {name}: {error}") from None
    else:
        raise ScenarioError(
            f"no scenario is called {name!r}; there are {', '.join(names())}, or give a .toml file"
        )
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
        check(scenario)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ScenarioError) as error:
        raise ScenarioError(f"scenario {name}: {error}") from None
    return scenario


def check(scenario: Scenario) -> None:
    """Whether a scenario can be run.

    Raises
    ------
    ScenarioError
    """
    for name, low, high in (
        ("racks", 1, 20_000), ("nodes", 1, 64), ("gpus", 1, 64),
        ("supply_c", 5, 60), ("flow_lpm", 0.1, 5), ("duration_s", 1, 400 * 86_400),
        ("start_day", 0, 366), ("outdoor_c", -50, 50), ("scatter", 0, 1000),
    ):  # fmt: skip
        value = getattr(scenario, name)
        if not low <= value <= high:
            raise ScenarioError(f"{name} is {value}; it may be {low} to {high}")
    inventory = scenario.inventory()
    _check_jobs(scenario.jobs, inventory)
    try:
        scenario.all_faults()
    except (ScatterError, KeyError) as error:
        raise ScenarioError(f"scatter: {error}") from None
    for number, fault in enumerate(scenario.faults):
        if said := problem(fault, inventory):
            raise ScenarioError(f"faults[{number}]: {said}")


def _check_jobs(jobs: tuple[Job, ...], inventory: Inventory) -> None:
    for number, job in enumerate(jobs):
        where = f"jobs[{number}]"
        for subject in job.on:
            if subject not in inventory:
                raise ScenarioError(f"{where}: {subject!r} is not in this hall")
        if job.start_s < 0 or (job.end_s is not None and job.end_s <= job.start_s):
            raise ScenarioError(
                f"{where}: start_s {job.start_s}, end_s {job.end_s}: in order, from 0"
            )
        if not 0 < job.compute_s < job.period_s or min(job.ramp_s, job.checkpoint_every_s) < 0:
            raise ScenarioError(f"{where}: compute_s within period_s, and no time below 0")
    if (two := clash(jobs, Places(inventory))) is not None:
        raise ScenarioError(f"jobs {two[0].number} and {two[1].number} have GPUs at the same time")
