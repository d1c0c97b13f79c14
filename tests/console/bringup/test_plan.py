"""The plan: what a file may say, what is refused and how, and what-ifs."""

import json

import pytest
from click.testing import CliRunner
from console.bringup.tables import rows
from tree import ROOT

from coldplate.console.bringup.plan import (
    MEANINGS,
    SPARE_MEANINGS,
    STEP_MEANINGS,
    Plan,
    Spare,
    Step,
    load_plan,
)
from coldplate.console.bringup.states import WORK
from coldplate.console.bringup.whatif import changed
from coldplate.console.commands.plan import plan as command
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure


def test_without_a_file_it_is_one_rack_per_seventeen_and_a_half_minutes():
    """1,563 racks in 19 days; the last comes early enough for its way."""
    plan = load_plan(None)
    assert (19, 1563, 17.5) == (plan.days, plan.racks, round(plan.pace_minutes, 1))
    last_day = plan.between_minutes * plan.racks / 1440 + plan.way_days
    assert plan.days - plan.margin_days == pytest.approx(last_day)
    assert (0, plan.racks) == (plan.planned(plan.way_days), plan.planned(plan.days))


def test_a_file_stands_over_the_defaults_and_options_over_the_file(tmp_path):
    """What it does not name stays as it is, within steps too."""
    file = tmp_path / "site.toml"
    file.write_text('[plan]\nracks = 80\ndays = 5\n[plan.step.flush]\nhours = 7\n[plan.resource]\nflushing-skid = 3\n[plan.feed]\na = ["row-1*"]\n')  # fmt: skip
    plan = load_plan(file, days=4.0, racks=None)
    assert (80, 4.0, 7.0, 3) == (plan.racks, plan.days, plan.step["flush"].hours, plan.resource["flushing-skid"])  # fmt: skip
    assert plan.step["flush"].fail_ratio == load_plan(None).step["flush"].fail_ratio
    assert {"a": ("row-1*",)} == plan.feed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[plan]\nday = 3", "'day'"),
        ("[plan]\ndays = -1", "days"),
        ("[plan.step.flusch]\nhours = 1", "flush"),
        ("[plan.step.flush]\nhour = 1", "hours"),
        ('[plan.step.flush]\nresource = "skid"', "filling-skid"),
        ("[plan.spare.x]\nneed_ratio = 0.1", "per_day"),
        ("[plan.spare.gpu-board]\nneed_ratio = 0.9", "1.2 together"),
        ("[other]\na = 1", "one table [plan]"),
        ("[plan", "site.toml"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_key(tmp_path, text, said):
    """A figure that is not in force because of a slip is found when the skid is missing."""
    file = tmp_path / "site.toml"
    file.write_text(text)
    with pytest.raises(Failure, match=r"--site .*site\.toml") as found:
        load_plan(file)
    assert said in str(found.value)
    assert BAD_INPUT == found.value.exit_code


def test_every_key_has_a_meaning():
    """docs/board.md lists them."""
    assert {*MEANINGS, "step", "resource", "spare"} == set(Plan.__struct_fields__)
    assert set(STEP_MEANINGS) == set(Step.__struct_fields__)
    assert set(SPARE_MEANINGS) == set(Spare.__struct_fields__)
    assert set(WORK) == set(Plan().step)


def test_what_ifs_change_what_they_name():
    """By a number, by a share, or to a number."""
    was = Plan()
    now = changed(was, ["flushing-skid=+2", "test-power=50%", "spares=-50%", "delivery=+10%", "burn-in.hours=50"])  # fmt: skip
    assert was.resource["flushing-skid"] + 2 == now.resource["flushing-skid"]
    assert was.resource["test-power"] // 2 == now.resource["test-power"]
    assert [s.stock / 2 for s in was.spare.values()] == [s.stock for s in now.spare.values()]
    assert [s.per_day / 2 for s in was.spare.values()] == [s.per_day for s in now.spare.values()]
    assert was.between_minutes / 1.1 == pytest.approx(now.between_minutes)
    assert 50 == now.step["burn-in"].hours


@pytest.mark.parametrize("what", ["skid=+1", "flushing-skid", "flushing-skid=-26", "spares=-100%", "flush.colour=3", "burn-in.hours=0"])  # fmt: skip
def test_a_what_if_of_nothing_is_refused(what):
    """With what there is."""
    with pytest.raises(Failure, match="--with"):
        changed(Plan(), [what])


def test_the_command_prints_one_object():
    """The keys that programs read, and the same answer for the same seed."""
    words = ["--days", "6", "--racks", "30", "--runs", "20", "--json", "--with", "flushing-skid=2"]
    first, second = (CliRunner().invoke(command, words, obj=Context()) for _ in range(2))
    assert first.exception is None, first.exception
    told = json_of(first)
    assert told == json_of(second)
    assert {"finish_p50_day", "finish_p90_day", "bottleneck", "gpus_by_day", "sensitivities", "assumptions"} <= set(told)  # fmt: skip
    assert 30 * 64 == told["gpus"]
    assert told["finish_p50_day"] <= told["finish_p90_day"]
    assert 2 == told["assumptions"]["resource"]["flushing-skid"]
    assert told["gpus_by_day"] == sorted(told["gpus_by_day"])


def json_of(ran):

    return json.loads(ran.stdout.splitlines()[-1])


def test_the_page_has_every_key_with_its_default():
    """And the estimates of each step and spare."""
    lines = set((ROOT / "docs/board.md").read_text("utf-8").splitlines())
    assert [] == [row for table in rows().values() for row in table if row not in lines]
