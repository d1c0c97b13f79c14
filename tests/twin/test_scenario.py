"""Scenarios: those that come along, and what is said about one that cannot be run."""

import pytest

from coldplate.twin.scenario import ScenarioError, load, names


def test_every_scenario_that_comes_along_can_be_run():
    """By its name."""
    assert {"demo", "healthy", "steps"} <= set(names())
    for name in names():
        assert load(name).racks >= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rack = 4", "unknown field `rack`"),
        ("racks = 0", "racks is 0; it may be 1 to 20000"),
        ("racks = 'four'", "Expected `int`"),
        ("supply_c = 90", "supply_c is 90"),
        ("load = 'heavy'", "Invalid enum value 'heavy'"),
        ("racks = [", "Invalid"),
        ("[[faults]]\nkind = 'flood'\nsubject = 'rack-0000/cdu'\nat_s = 1", "kind 'flood' is unknown; near it: flow-loss"),
        ("[[faults]]\nkind = 'pump-stop'\nsubject = 'rack-9/cdu'\nat_s = 1", "subject 'rack-9/cdu' is not in this hall"),
        ("[[faults]]\nkind = 'pump-stop'\nsubject = 'rack-0000'\nat_s = 1", "is a rack; pump-stop needs a cdu"),
        ("[[faults]]\nkind = 'xid'\nsubject = 'rack-0000/node-0/gpu-0'\nat_s = 9\nend_s = 4", "at_s 9.0, end_s 4.0"),
        ("[[faults]]\nkind = 'pump-stop'\nsubject = 'rack-0000/cdu'\nat_s = 1\nspare_ratio = 2", "are shares, 0 to 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_with_its_place(tmp_path, text, said):
    """The file, the key or the fault, and what is expected."""
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError) as error:
        load(str(file))
    assert said in str(error.value)
    assert str(file) in str(error.value)


def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    """A missing file as well."""
    with pytest.raises(ScenarioError, match="there are commissioning, demo"):
        load("demmo")
    with pytest.raises(ScenarioError, match="No such file"):
        load(str(tmp_path / "none.toml"))
