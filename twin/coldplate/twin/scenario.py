"""What a run of the twin is: size of the hall, water, load and faults; from a TOML file, refused when wrong."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from coldplate.twin.fault import Fault
from coldplate.twin.faults.check import problem
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
        `idle`; `steady`, matrix products without pause; `steps`, 1.0 s compute and 0.5 s pause in step everywhere.
    faults
        In any order.
    """

    racks: int = 4
    nodes: int = 8
    gpus: int = 8
    seed: int = 1
    supply_c: float = 30.0
    flow_lpm: float = 1.0
    load: Literal["idle", "steady", "steps"] = "steady"
    faults: tuple[Fault, ...] = ()

    def inventory(self) -> Inventory:
        """The devices of its hall."""
        return generate(self.racks, self.nodes, self.gpus)


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
        ("supply_c", 5, 60), ("flow_lpm", 0.1, 5),
    ):  # fmt: skip
        value = getattr(scenario, name)
        if not low <= value <= high:
            raise ScenarioError(f"{name} is {value}; it may be {low} to {high}")
    inventory = scenario.inventory()
    for number, fault in enumerate(scenario.faults):
        if said := problem(fault, inventory):
            raise ScenarioError(f"faults[{number}]: {said}")
