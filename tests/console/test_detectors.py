"""`coldplate detectors`, and files of parameters on their way into what runs detection."""

import json

import pytest

from coldplate.streams.catalogue import entries
from coldplate.streams.detectors import defaults, parameters_sha
from coldplate.wire.inventory import generate, save_csv

OVERRIDE = '[[override]]\nrack = "rack-0001"\n[override.margin]\nwanted_c = 9\n'


@pytest.fixture
def limits(tmp_path):
    """A file of parameters."""

    def write(text):
        path = tmp_path / "limits.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_every_detector_is_listed_with_its_parameters(run):
    """For people a line each; for programs all that can be set, and the shares of the false-alarm budget."""
    ran = run("detectors", "--json")
    assert (0, "") == (ran.returncode, ran.stderr)
    told = json.loads(ran.stdout)
    assert parameters_sha() == told["parameters_sha"]
    names = [d.name for d in defaults()]
    assert names == [d["name"] for d in told["detectors"]]
    of = {d["name"]: d for d in told["detectors"]}
    assert {"device", "physics", "false-alarm budget"} == {d["basis"] for d in of.values()}
    shares = [d["false_pages_per_100k_gpu_days"] for d in of.values()]
    assert 1.0 == pytest.approx(sum(shares))
    (wanted,) = [p for p in of["margin"]["parameters"] if p["name"] == "wanted_c"]
    assert (8.0, "a number above 0") == (wanted["default"], wanted["allowed"])
    table = run("detectors").stdout
    assert [] == [name for name in names if f" {name} " not in table]


def test_the_file_with_all_defaults_is_taken_as_it_is(run, limits):
    """What `--toml` prints `check` takes, and finds nothing changed."""
    path = limits(run("detectors", "--toml").stdout)
    assert [] == [e.name for e in entries() if f"[{e.name}]" not in path.read_text()]
    ran = run("detectors", "check", path, "--json")
    expected = {"ok": True, "changed": [], "overrides": [], "parameters_sha": parameters_sha()}
    assert (0, expected) == (ran.returncode, json.loads(ran.stdout))


def test_what_a_file_changes_is_shown(run, limits, tmp_path):
    """For everybody and for a rack, which the inventory must have."""
    path = limits(f"[flow-loss]\nhold_s = 4\n{OVERRIDE}")
    told = json.loads(run("detectors", "check", path, "--json").stdout)
    assert ["flow-loss"] == told["changed"]
    assert [{"place": "rack", "value": "rack-0001", "detectors": ["margin"]}] == told["overrides"]
    save_csv(generate(1), tmp_path / "one.csv")
    save_csv(generate(2), tmp_path / "two.csv")
    assert 0 == run("detectors", "check", path, "--inventory", tmp_path / "two.csv").returncode
    ran = run("detectors", "check", path, "--inventory", tmp_path / "one.csv")
    assert 2 == ran.returncode
    assert f"{path} line 3: no device of the inventory has rack 'rack-0001'" in ran.stderr


def test_a_wrong_file_ends_what_was_to_use_it(run, limits):
    """The check, the worker and an evaluation: one line with file and line, exit 2, before anything is connected to."""
    path = limits("[margin]\nwanted_c = -1\n")
    for words in (
        ["detectors", "check", path],
        ["worker", "--parameters", path],
        ["evaluate", "twin", "--parameters", path],
    ):
        ran = run(*words, COLDPLATE_KAFKA="127.0.0.1:1")
        assert (2, "", 1) == (ran.returncode, ran.stdout, ran.stderr.count("\n")), words
        assert f"{path} line 2: margin, wanted_c must be a number above 0" in ran.stderr
    ran = run("worker", COLDPLATE_KAFKA="127.0.0.1:1", COLDPLATE_WORKER__PARAMETERS=str(path))
    assert (2, "") == (ran.returncode, ran.stdout)
    assert f"{path} line 2" in ran.stderr


def test_an_evaluation_judges_by_the_file(run, limits):
    """A limit that every healthy GPU breaks pages at once; the output says by which parameters."""
    small = ("evaluate", "twin", "--scenario", "healthy", "--gpus", 64, "--hours", 0.005, "--json")
    usual = json.loads(run(*small).stdout.splitlines()[-1])
    strict = limits("[margin]\nwanted_c = 90\nat_once = 90\n")
    ran = json.loads(run(*small, "--parameters", strict).stdout.splitlines()[-1])
    assert parameters_sha() == usual["parameters_sha"] != ran["parameters_sha"]
    assert (0, True) == (usual["false_pages"], ran["false_pages"] > 0)
