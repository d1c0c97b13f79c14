"""`coldplate job`: what a report says of jobs whose every value was worked out by hand, from a real ClickHouse."""

import pytest
from console.job.hall import GPUS, RACK

from coldplate.console.failure import BAD_INPUT

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def train(rack):
    return rack.told("train")


def test_time_and_size_are_those_of_its_gpus(train):
    """Four GPUs for ten minutes."""
    assert (600.0, 4, 1, [RACK]) == (train["wall_s"], train["gpus"], train["nodes"], train["racks"])
    assert pytest.approx(4 / 6) == train["gpu_h"]
    assert ("ada", False, 1) == (train["user"], train["running"], len(train["runs"]))


def test_energy_is_what_the_counters_counted(train):
    """Three GPUs at 400 W and one at 300 W for 600 s."""
    energy = train["energy"]
    assert "energy counters" == energy["source"]
    assert pytest.approx(900_000) == energy["used_j"]
    assert (pytest.approx(0.25), pytest.approx(375.0)) == (energy["kwh"], energy["power_w"])
    assert pytest.approx(375 * 3600) == energy["j_per_gpu_h"]
    assert 1.0 == energy["seen_ratio"]


def test_energy_without_counters_is_by_mean_power_and_to_the_second(rack):
    """From 33 to 338 s at 200 W, where buckets of 10 s are cut at both ends."""
    rack.spans("cut", GPUS[4:5], 33, 338, "eve")
    energy = rack.told("cut")["energy"]
    assert ("mean power", pytest.approx(200 * 305)) == (energy["source"], energy["used_j"])


def test_bands_are_quantiles_of_its_gpus_and_ends_of_samples(train):
    """In each of sixty steps."""
    bands = train["bands"]
    assert ("gpu_10s", 4, 4, 10_000, list(range(60))) == (
        bands["source"], bands["gpus"], bands["of"], bands["step_ms"], bands["numbers"],
    )  # fmt: skip
    assert {"p5": 300.0, "p50": 400.0, "p95": 400.0, "min": 300.0, "max": 400.0} == bands[
        "power_w"
    ][7]
    assert (50.0, 53.0) == (bands["gpu_c"][7]["min"], bands["gpu_c"][7]["max"])
    assert {"p5", "p50", "p95", "min", "max"} == {
        k for k, v in bands["hbm_c"][7].items() if v is None
    }


def test_what_held_it_down_is_told_by_cause(train):
    """A minute of one GPU of four is a fortieth, for both reasons of it."""
    held = train["held"]
    assert (0.025, "gpu_samples") == (held["ratio"], held["source"])
    assert {"hw-thermal": 0.025, "power-cap": 0.025} == held["by_cause_ratio"]
    assert {GPUS[0]: 0.1} == held["by_heat_ratio"]


def test_a_gpu_that_lags_is_named_with_how_much(train):
    """A quarter less power and a sixth less clock than the median GPU."""
    (lagging,) = train["stragglers"]
    assert GPUS[3] == lagging["gpu"]
    assert {"power_w": 0.25, "sm_clock_mhz": pytest.approx(1 / 6)} == lagging["below_ratio"]


def test_efficiency_and_swings_are_of_its_gpus(train):
    """Nothing of the idle time around it."""
    found = train["efficiency"]
    assert (pytest.approx(0.9), 53.0, GPUS[3]) == (
        found["gpu_util_ratio"],
        found["hottest_c"],
        found["hottest_gpu"],
    )
    assert pytest.approx(1725.0) == found["sm_clock_mhz"]
    assert (300.0, 400.0) == (found["power_low_w"], found["power_high_w"])
    assert {"swing_w": 50.0, "swing_most_w": 50.0, "swing_hz": 0.5} == train["swings"]


def test_only_incidents_that_touched_it_while_it_ran_are_told(train):
    """Of its coolant unit, and of another rack that affected one of its GPUs; not later, not elsewhere."""
    assert ["inc1", "inc4"] == sorted(i["id"] for i in train["incidents"])
    named = {i["id"]: i["names"] for i in train["incidents"]}
    assert ([f"{RACK}/cdu"], [GPUS[2]]) == (named["inc1"], named["inc4"])


def test_lost_gpus_and_errors_are_those_of_its_time(train):
    """The XID of after its end is of somebody else."""
    assert [GPUS[2]] == train["gpus_lost"]
    assert [("xid", 79), ("gpu_lost", None)] == [(e["kind"], e["code"]) for e in train["events"]]


def test_a_job_that_runs_is_reported_until_then(rack):
    """Half of it, and said so."""
    found = rack.told("train", "--at", rack.at(330))
    assert (True, None, 300.0) == (found["running"], found["end_ms"], found["wall_s"])
    assert pytest.approx(450_000) == found["energy"]["used_j"]
    assert "runs at " in rack.ok("train", "--at", rack.at(330))
    ran = rack.run("train", "--at", rack.at(10))
    assert (BAD_INPUT, True) == (ran.exception.exit_code, "had not begun" in str(ran.exception))


def test_an_untold_end_is_where_the_next_job_begins(rack):
    """Which has the GPU for itself."""
    rack.spans("forgotten", GPUS[7:], 640, None)
    rack.spans("after", GPUS[7:], 700, 720)
    found = rack.told("forgotten")
    assert (False, 60.0, None) == (found["running"], found["wall_s"], found["user"])
    assert any("nobody told who ran it" in m for m in found["missing"])
    assert found["earlier"] is None


def test_a_job_that_ran_twice_has_two_runs(rack):
    """What lies between is not its: neither in time nor in energy."""
    rack.spans("twice", GPUS[7:], 0, 100, "eve")
    rack.spans("twice", GPUS[7:], 200, 300, "eve")
    found = rack.told("twice")
    assert (2, 300.0, pytest.approx(200 / 3600)) == (
        len(found["runs"]),
        found["wall_s"],
        found["gpu_h"],
    )
    assert pytest.approx(100 * 200) == found["energy"]["used_j"]
    assert [*range(10), *range(20, 30)] == found["bands"]["numbers"]
    assert "2 runs, 3 min 20 s in all" in rack.ok("twice")


def test_jobs_that_share_a_gpu_share_its_energy(rack):
    """Two of them for 200 s at 100 W have half of it each."""
    rack.spans("left", GPUS[6:7], 640, 840, "eve", shared=True)
    rack.spans("right", GPUS[6:7], 640, 840, "bob", shared=True)
    found = rack.told("left")
    assert pytest.approx(10_000) == found["energy"]["used_j"]
    assert {"jobs": ["right"], "gpus": 1} == found["shared"]


def test_it_is_held_against_the_users_jobs_before(rack):
    """Half the GPUs, by 100 instead of 375 W."""
    rack.spans("next", GPUS[4:6], 650, 850, "ada")
    found = rack.told("next")["earlier"]
    assert ["train"] == found["jobs"]
    assert (4.0, pytest.approx(375.0), pytest.approx(0.9)) == tuple(
        found["median"][k] for k in ("gpus", "power_w", "gpu_util_ratio")
    )
    assert (0.5, pytest.approx(100 / 375)) == (found["ratio"]["gpus"], found["ratio"]["power_w"])


def test_what_is_not_kept_is_null_and_said(rack):
    """A job of before the history, and one of which the inventory knows no GPU."""
    rack.spans("old", GPUS[:1], -86_400 * 50, -86_400 * 50 + 3600, "zoe")
    rack.spans("gone", ["rack-0099/node-0/gpu-0"], 0, 100, "zoe")
    old, gone = rack.told("old"), rack.told("gone")
    assert (None, None, None, None, None) == (
        old["energy"]["used_j"],
        old["bands"],
        old["held"],
        old["efficiency"],
        old["stragglers"],
    )
    assert any("no samples of its time are kept" in m for m in old["missing"])
    assert (1, pytest.approx(100 / 3600), None) == (
        gone["gpus_not_in_inventory"],
        gone["gpu_h"],
        gone["energy"]["kwh"],
    )
    assert "energy: not known" in rack.ok("gone")


def test_a_job_that_is_too_short_for_a_bucket_says_so(rack):
    """Its energy is known all the same."""
    rack.spans("blink", GPUS[7:], 303, 308, "zoe")
    found = rack.told("blink")
    assert (None, pytest.approx(500)) == (found["bands"], found["energy"]["used_j"])
    assert any("too short" in m for m in found["missing"])


@pytest.mark.parametrize(
    ("word", "said"),
    [("trian", "near are train"), ("ada", "of that user are"), ("?", "the newest are ")],
)
def test_a_job_that_is_not_known_is_answered_with_those_near(rack, word, said):
    """By name, by user, or the newest."""
    ran = rack.run(word)
    assert BAD_INPUT == ran.exception.exit_code
    assert said in str(ran.exception)


def test_a_person_reads_lines(rack):
    """The same figures, and no order for a terminal."""
    text = rack.ok("train")
    assert "4 GPUs, 1 node, 1 rack: 0.67 GPU-hours" in text
    assert "energy: 0.250 kWh (900,000 J) by energy counters; 375 W a GPU" in text
    assert "held down: 2.50 % of GPU-time (heat (hardware) 2.50 %, power cap 2.50 %)" in text
    assert f"  {GPUS[3]}: power -25.0 %, clock -16.7 %" in text
    assert f"GPUs lost: {GPUS[2]}" in text
    assert "\x1b" not in text
