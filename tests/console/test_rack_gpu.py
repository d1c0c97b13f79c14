"""`coldplate rack` and `coldplate gpu`: how a rack or GPU is, now and then, from a real ClickHouse as the reader."""

from datetime import UTC, datetime

import pytest
from console.day_asked import asked_day

from coldplate.console.commands.gpu import gpu
from coldplate.console.commands.rack import rack
from coldplate.console.failure import BAD_INPUT
from coldplate.console.looking import STALE_MS

pytestmark = pytest.mark.e2e
GPU = "rack-0000/node-0/gpu-0"


@pytest.fixture(scope="module")
def day(endpoints):
    with asked_day(endpoints) as found:
        yield found


def at(t_ms):
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat()


def test_a_rack_shows_its_water_power_gpus_and_neighbour(day):
    """Everything of one rack in one object."""
    found = day.told(rack, "rack-0000", "--at", at(day.loaded.end_ms + 2000))
    assert [] == [d["id"] for kind in found["parts"].values() for d in kind if d["stale"]]
    (unit,) = found["parts"]["cdu"]
    assert unit["values"]["supply_c"] < unit["values"]["return_c"]
    assert {"flow_lpm", "pump1_rpm", "leak"} <= set(unit["values"])
    assert (2, 8) == (len(found["parts"]["node"]), len(found["parts"]["gpu"]))
    assert found["values"]["rack_power_w"] > 500
    assert ["rack-0001/cdu"] == [d["id"] for d in found["neighbours"]]
    assert {"supply_c", "return_c", "flow_lpm", "rack_power_w"} == {
        c["metric"] for c in found["history"]
    }
    assert all(sum(v is not None for v in c["values"]) > 50 for c in found["history"])
    assert {"state", "kind", "id"} <= set(found["incidents"][0])


def test_a_rack_for_a_person_is_a_grid_without_colour_in_a_pipe(day):
    """A line a node, a cell a GPU."""
    ran = day.run(rack, "rack-0000", "--at", at(day.loaded.end_ms + 2000))
    assert ran.exception is None, ran.exception
    lines = ran.stdout.splitlines()
    grid = [line for line in lines if line.startswith("  node-")]
    assert 2 == len(grid)
    assert 4 == sum("/" in cell for cell in grid[0].split()[1:5])
    assert "rack-0000/cdu: leak rope dry" in lines
    assert any(line.startswith("  supply temperature ") for line in lines)
    assert "\x1b" not in ran.stdout


def test_a_gpu_shows_every_metric_with_its_unit_and_its_resistance(day):
    """Slow ones too, and its node's others; at noon, when it works."""
    noon = at(day.loaded.end_ms - 10 * 3_600_000)
    found = day.told(gpu, GPU, "--at", noon)
    assert {"gpu_c", "power_w", "margin_c", "power_limit_w"} <= set(found["values"])
    assert 0.02 < found["k_per_w"] < 0.06
    assert found["median_k_per_w"] == pytest.approx(found["k_per_w"], rel=0.3)
    assert 3 == len(found["neighbours"])
    assert found["jobs"][0]["job"] == "4711"
    text = day.run(gpu, GPU, "--at", noon).stdout
    assert " K/W, its rack's median " in text
    assert "gpu_c " in text
    assert "°C" in text


def test_the_past_is_shown_as_it_was(day):
    """While the pump stood: its incident is open, and the flow is low."""
    sql = "SELECT toUnixTimestamp64Milli(min(opened_at)) FROM incidents WHERE id = '8b817d015bc3'"
    opened_ms = day.owner.execute(sql)[0][0]
    found = day.told(rack, "rack-0001", "--at", at(opened_ms + 1000))
    assert ["8b817d015bc3"] == [
        i["id"] for i in found["incidents"] if i["state"] == "open" and i["kind"] == "pump-stop"
    ]
    assert found["at_ms"] == opened_ms + 1000
    before = day.told(rack, "rack-0001", "--at", at(opened_ms - 1000))
    assert "8b817d015bc3" not in [i["id"] for i in before["incidents"]]


def test_old_data_is_said_to_be_stale_and_none_to_be_missing(day):
    """15 s; and five minutes after the last sample there is nothing."""
    late = at(day.loaded.end_ms + STALE_MS + 3000)
    assert day.told(gpu, GPU, "--at", late)["stale"]
    assert "stale: the oldest of 1 is 18 s old" in day.run(gpu, GPU, "--at", late).stdout
    gone = at(day.loaded.end_ms + 400_000)
    assert day.told(gpu, GPU, "--at", gone)["age_ms"] is None
    assert f"no samples within 5 min: {GPU}" in day.run(gpu, GPU, "--at", gone).stdout
    assert "no samples within 5 min: " in day.run(rack, "rack-0000", "--at", gone).stdout


@pytest.mark.parametrize(
    ("command", "word", "near"),
    [(rack, "rack-001", "rack-0001"), (gpu, "rack-0000/node-0/gpu-9", GPU)],
)
def test_who_is_not_known_is_answered_with_who_is_near(day, command, word, near):
    """Instead of an empty picture."""
    ran = day.run(command, word)
    assert BAD_INPUT == ran.exception.exit_code
    assert near.rpartition("/")[2][:4] in str(ran.exception)
    assert "near are " in str(ran.exception)


@pytest.mark.parametrize("command", [rack, gpu])
def test_a_time_that_is_none_is_refused(day, command):
    """With what is expected."""
    ran = day.run(command, "x", "--at", "yesterday-ish")
    assert "--at 'yesterday-ish'" in str(ran.exception)
