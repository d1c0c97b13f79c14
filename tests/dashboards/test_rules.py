"""Rules that every dashboard keeps to, that they find what they are about, and that the JSON kept is current."""

import copy
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from coldplate.console.commands.dashboards import dashboards
from coldplate.dashboards.catalogue import all_boards, built_folder
from coldplate.dashboards.rules import broken

BOARDS = {board.name: board for board in all_boards()}


@pytest.fixture(scope="module")
def power():
    return BOARDS["power"].model()


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_keeps_to_the_rules(name):
    """Units, descriptions, data source by variable, time filters, limits, colours, ids and titles."""
    assert [] == broken(name, BOARDS[name].model())


def test_there_are_the_eight_and_their_panels_are_many():
    """Each of these topics has ten panels at least."""
    for name in ("hall", "rack", "gpu", "water", "power", "incidents", "jobs", "pipeline"):
        panels = [p for p in BOARDS[name].model()["panels"] if p["type"] != "row"]
        assert 10 <= len(panels)


def test_a_dashboard_is_the_same_on_every_build(power):
    """Byte by byte, or every build would be a change."""
    assert json.dumps(power) == json.dumps(BOARDS["power"].model())


def test_panels_do_not_overlap(power):
    """Each has its place in the grid of 24 columns."""
    taken = set()
    for g in (p["gridPos"] for p in power["panels"]):
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}  # fmt: skip
        assert not taken & cells
        assert 24 >= g["x"] + g["w"]
        taken |= cells


def _target(model, **changed):
    next(p for p in model["panels"] if p["type"] == "timeseries")["targets"][0].update(changed)


def _panel(model, **changed):
    next(p for p in model["panels"] if p["type"] == "timeseries").update(changed)


WHERE = "WHERE $__timeFilter(t)"
BAD = {
    "its uid is": lambda m: m.update(uid="other"),
    "has an id": lambda m: m.update(id=4),
    "title 'Rows' is there 2 times": lambda m: _panel(m, title="Rows"),
    "no description": lambda m: _panel(m, description=""),
    "no unit": lambda m: _panel(m, fieldConfig={"defaults": {}, "overrides": []}),
    "data source that is not chosen": lambda m: _target(m, datasource={"type": "x", "uid": "abc"}),
    "no data source": lambda m: _panel(m, datasource={"type": "x", "uid": "${source}"}),
    "an absolute address": lambda m: _panel(m, links=[{"url": "https://example.org/d/x"}]),
    "no time filter on hall_1m": lambda m: _target(m, rawSql="SELECT t FROM hall_1m LIMIT 5"),
    "no LIMIT": lambda m: _target(m, rawSql=f"SELECT t FROM hall_1m {WHERE}"),
    "$__timeFilers is no macro": lambda m: _target(m, rawSql=f"SELECT $__timeFilers FROM x {WHERE} LIMIT 1"),
    "macro within": lambda m: _target(m, rawSql=f"SELECT $__timeInterval($__fromTime) FROM x {WHERE} LIMIT 1"),
    "$pump is not defined": lambda m: _target(m, rawSql=f"SELECT ${{pump:raw}} FROM x {WHERE} LIMIT 1"),
    "the variable node is not used": lambda m: m["templating"]["list"].append({"name": "node", "type": "custom"}),
    "the colour green": lambda m: _panel(m, options={"color": "green"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_fault_is_found(power, fault):
    """Each rule on a dashboard that breaks it."""
    model = copy.deepcopy(power)
    BAD[fault](model)
    assert any(fault in said for said in broken("power", model))


@pytest.mark.parametrize("name", BOARDS)
def test_links_lead_to_dashboards_that_there_are_and_keep_the_time(name):
    """By uid, with the cell's value as a variable that the other one has."""
    for url in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(BOARDS[name].model())):
        found = re.fullmatch(
            r"/d/coldplate-(\w+)\?\$\{source:queryparam\}&var-(\w+)=\$\{__value\.raw:percentencode\}&\$\{__url_time_range\}", url,
        )  # fmt: skip
        assert found is not None
        assert found[1] in (
            "hall",
            "rack",
            "gpu",
            "water",
            "power",
            "incidents",
            "jobs",
            "pipeline",
        )


def test_the_json_kept_is_what_the_code_makes():
    """`coldplate dashboards build --check`, on what is kept beside the code."""
    ran = CliRunner().invoke(dashboards, ["build", "--check", "--json"])
    assert ran.exception is None, ran.exception
    told = json.loads(ran.stdout.splitlines()[-1])
    assert ([], len(BOARDS)) == (told["stale"], told["dashboards"])
    assert {f"{name}.json" for name in BOARDS} == {p.name for p in built_folder().iterdir()}


def test_a_build_writes_what_is_not_current_and_takes_away_what_is_gone(tmp_path):
    """A second one writes nothing; a check says what is not current and fails."""
    run = lambda *words: CliRunner().invoke(dashboards, ["build", "--out", str(tmp_path), "--json", *words])  # noqa: E731  # fmt: skip
    stale = lambda ran: json.loads(ran.stdout.splitlines()[-1])["stale"]  # noqa: E731
    assert len(BOARDS) == len(stale(run()))
    assert [] == stale(run())
    (tmp_path / "gone.json").write_text("{}")
    Path(tmp_path / "power.json").write_text("{}")
    failed = run("--check")
    assert ["gone.json", "power.json"] == stale(failed)
    assert "not current" in str(failed.exception)
    run()
    assert sorted(f"{name}.json" for name in BOARDS) == sorted(p.name for p in tmp_path.iterdir())
