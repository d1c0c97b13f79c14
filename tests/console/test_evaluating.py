"""What evaluation runs beside a hall: the alert rules of today."""

import json
from pathlib import Path

from click.testing import CliRunner

from coldplate.console.main import cli


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
