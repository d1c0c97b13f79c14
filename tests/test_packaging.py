"""What is packaged, and that each extra is enough for its part."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from tree import PARTS, PYPROJECT, ROOT, modules

import coldplate

EXTRAS = sorted(set(PYPROJECT["project"]["optional-dependencies"]) - {"all"})
IMPORT_ALL = """
import json, sys
from importlib import import_module
blocked, wanted = json.load(sys.stdin)

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not among the extra's distributions", name=name)

sys.meta_path.insert(0, Blocker)
for name in blocked:
    sys.modules.pop(name, None)
for name in wanted:
    import_module(name)
"""
PLANT = {"coldplate.agents.modbus.client"}
"""Modules of the agents that need the extra `plant`; nobody imports them at the top."""

HEAVY = {"kafka", "faust.app", "clickhouse_driver", "aiohttp", "rich", "matplotlib", "pandas", "numpy"}  # fmt: skip


def built(builder, source, into):
    return Path(next(builder(str(source)).build(directory=str(into), versions=["standard"])))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(WheelBuilder, ROOT, tmp_path_factory.mktemp("wheel"))


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_leaves_one_name_in_site_packages(wheel):
    """`agents` or `streams` there would collide with other people's packages."""
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {"coldplate"} == {top for top in tops if not top.endswith(".dist-info")}


def test_the_wheel_has_what_is_no_python(wheel):
    """Schema, type markers, the pinned jars, the twin's scenarios."""
    data = [n for n in names(wheel) if n.startswith("coldplate/") and not n.endswith(".py")]
    assert {f"coldplate/{part}/py.typed" for part in PARTS} <= set(data)
    assert "coldplate/console/stack/kafka_jars.lock" in data
    for folder in ("sinks/coldplate/sinks/schema/*.sql", "twin/coldplate/twin/scenarios/*.toml"):
        expected = {str(path.relative_to(path.parents[3])) for path in ROOT.glob(folder)}
        assert expected
        assert expected <= set(data)


def test_the_sdist_builds_the_same_wheel(wheel, tmp_path):
    """Whoever builds from source gets what we tested, file by file."""
    with tarfile.open(built(SdistBuilder, ROOT, tmp_path)) as archive:
        # Python 3.11.4 brought the filter, and later ones ask for it.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path / "source", **safe)
    (source,) = (tmp_path / "source").iterdir()
    with (
        zipfile.ZipFile(wheel) as ours,
        zipfile.ZipFile(built(WheelBuilder, source, tmp_path)) as theirs,
    ):
        expected = {name: ours.read(name) for name in ours.namelist()}
        assert expected == {name: theirs.read(name) for name in theirs.namelist()}


def test_no_file_turns_the_namespace_into_a_package():
    """An `__init__.py` there would hide every other part."""
    assert [] == sorted(ROOT.glob("*/coldplate/__init__.py"))


def test_every_root_stands_in_every_list():
    """One that is missing would be packaged or installed by half, without a word."""
    hatch, tool = PYPROJECT["tool"]["hatch"]["build"], PYPROJECT["tool"]
    assert set(PARTS) == set(hatch["dev-mode-dirs"])
    assert {f"{part}/coldplate" for part in PARTS} == set(hatch["targets"]["wheel"]["packages"])
    assert {f"/{part}" for part in PARTS} <= set(hatch["targets"]["sdist"]["include"])
    assert set(PARTS) == set(tool["mypy"]["mypy_path"].split(":"))
    assert set(PARTS) == set(tool["ruff"]["src"])


def test_the_installed_namespace_has_every_root():
    """The editable install puts all of them on the path."""
    assert {str(ROOT / part / "coldplate") for part in PARTS} == set(coldplate.__path__)


def closure(name, extras=()):
    """Distributions that `name[extras]` installs, itself included."""
    found, todo = set(), [(name, frozenset(extras))]
    while todo:
        entry = todo.pop()
        if entry in found:
            continue
        found.add(entry)
        for line in distribution(entry[0]).requires or ():
            needed = Requirement(line)
            chosen = {"", *entry[1]}
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in chosen):
                todo.append((needed.name, frozenset(needed.extras)))
    return {plain(name) for name, _ in found}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def import_without_the_rest(extras, wanted):
    """Import modules in a process that sees no distribution beyond those of `coldplate[extras]`."""
    allowed = closure("coldplate", extras)
    blocked = [
        top
        for top, owners in packages_distributions().items()
        if not allowed & {plain(owner) for owner in owners}
    ]
    assert "pytest" in blocked
    return subprocess.run(
        [sys.executable, "-c", IMPORT_ALL], input=json.dumps([blocked, wanted]),
        text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("part", [part for part in PARTS if part != "console"])
def test_an_extra_is_enough_for_its_part(part):
    """Every module of the part imports with the extra's own distributions; wire needs no extra."""
    extras = {part} & set(EXTRAS)
    wanted = [module for module in modules(part) if module not in PLANT]
    ran = import_without_the_rest(extras, wanted)
    assert (0, "") == (ran.returncode, ran.stderr)


def test_a_plant_agents_extra_is_enough_for_it():
    """What speaks Modbus, beside what every agent needs."""
    ran = import_without_the_rest({"agents", "plant"}, modules("agents"))
    assert (0, "") == (ran.returncode, ran.stderr)


@pytest.mark.parametrize("extra", ["console", "local"])
def test_the_command_starts_with_its_own_extra(extra):
    """The command's frame, every command's help and the local stack; parts are imported when used."""
    starts = ("coldplate.console.commands", "coldplate.console.stack", "coldplate.console.main")
    wanted = [module for module in modules("console") if module.startswith(starts)]
    ran = import_without_the_rest({extra}, wanted)
    assert (0, "") == (ran.returncode, ran.stderr)


def test_a_missing_distribution_is_noticed():
    """The worker does not import with the agents' extra: the blocking works."""
    ran = import_without_the_rest({"agents"}, ["coldplate.streams.app"])
    assert "faust is not among the extra's distributions" in ran.stderr


def test_every_extra_has_a_test():
    """One folder, one extra; `local` is the console's servers, `plot` what draws, `live` a terminal, `plant` Modbus, `commission` signatures."""
    others = {"local", "plot", "live", "plant", "commission"}
    assert {part for part in PARTS if part != "wire"} | others == set(EXTRAS)


def test_help_imports_nothing_heavy():
    """`coldplate --help` answers at once, because commands import what they need themselves."""
    command = [sys.executable, "-X", "importtime", "-m", "coldplate.console", "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "click" in imported
    assert set() == HEAVY & imported
