"""What evaluation runs beside a hall: its twin without faults, and the alert rules of today."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from coldplate.console.evaluating.beside import beside, without_faults
from coldplate.console.main import cli
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario

T0_MS = 1_800_000_000_000
FAULT = Fault("pump-stop", "rack-0000/cdu", 1.0)
TICKS = 5


def test_the_hall_without_faults_reads_the_same_wherever_it_is_stepped() -> None:
    """In a process of its own as in this one, bit for bit."""
    scenario = Scenario(racks=2, faults=(FAULT,))
    expected = TwinCollector(Hall(without_faults(scenario)))
    with beside(scenario, T0_MS, TICKS, 1000, worth_it=0) as well:
        assert not isinstance(well, TwinCollector)
        for tick in range(TICKS):
            here, there = (w.sample(T0_MS + 1000 * tick) for w in (expected, well))
            for kind, values in here.items():
                assert np.array_equal(values, there[kind], equal_nan=True)


def test_a_process_that_is_left_early_is_over() -> None:
    """Whoever evaluates may fail in the middle."""
    scenario = Scenario(racks=2, faults=(FAULT,))

    def fails() -> None:
        with beside(scenario, T0_MS, 1000, 1000, worth_it=0) as well:
            well.sample(T0_MS)
            raise KeyError

    with pytest.raises(KeyError):
        fails()


def test_a_process_that_ends_early_is_noticed() -> None:
    """It does not hang, and does not compare with nothing."""
    with beside(Scenario(racks=2, faults=(FAULT,)), T0_MS, 1, 1000, worth_it=0) as well:
        well.sample(T0_MS)
        with pytest.raises(RuntimeError, match="ended before"):
            well.sample(T0_MS + 1000)


def test_the_rules_of_today_stand_beside(tmp_path: Path) -> None:
    """The same labels, under `baseline` in the figures and beside in the table."""
    path = tmp_path / "s.toml"
    path.write_text(
        'racks = 1\nnodes = 2\nduration_s = 120.0\n[[faults]]\nkind = "xid-48"\n'
        'subject = "rack-0000/node-1/gpu-3"\nat_s = 30.0\nend_s = 60.0\n'
        '[[faults]]\nkind = "pump-stop"\nsubject = "rack-0000/cdu"\nat_s = 40.0\nend_s = 80.0\nspare_ratio = 0.3\n'
    )
    arguments = ["evaluate", "twin", "--scenario", str(path), "--baseline", "rules"]
    result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
    figures = json.loads(result.output.splitlines()[-1])
    rules = figures["baseline"]["rules"]
    assert (2, 2) == (figures["n"], figures["found"])
    assert (2, 1) == (rules["n"], rules["found"])
    assert {"xid-48": 1.0, "pump-stop": 0.0} == {k: v["recall"] for k, v in rules["kinds"].items()}
    table = CliRunner().invoke(cli, arguments, catch_exceptions=False).output
    assert "rules recall" in table
    assert "rules: " in table
