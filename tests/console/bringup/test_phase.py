"""A training phase of known numbers in a real ClickHouse: what is said of its first minute, and of one that goes wrong."""

import json

import pytest
from click.testing import CliRunner
from console.bringup.halls import url_of
from console.job.hall import hall

from coldplate.console.commands.board import board
from coldplate.console.context import Context


@pytest.fixture(scope="module")
def trained(clickhouse_url):
    """A rack of known numbers with job `train` on four GPUs, from 30 s on; at 30 s its power rises by 1.3 kW."""
    with hall(clickhouse_url) as found:
        yield found


def phase(found, site_file, second):
    url = found.client.settings
    given = {"obj": Context(), "env": {"COLDPLATE_CLICKHOUSE": url_of(url)}}
    ran = CliRunner().invoke(board, ["phase", "train", "--site", str(site_file), "--at", found.at(second), "--json"], **given)  # fmt: skip
    assert ran.exception is None or isinstance(ran.exception, SystemExit), ran.exception
    return json.loads(ran.stdout.splitlines()[-1]), ran.exit_code


def test_a_phase_that_is_well_is_said_to_be(trained, tmp_path):
    """Power, ramp, swing and failures of its first minute, by hand, within a large site's limits."""
    file = tmp_path / "site.toml"
    file.write_text("[plan]\nsite_mw = 1.0\n")
    told, code = phase(trained, file, 55)
    assert (True, [], 0) == (told["well"], told["wrong"], code)
    assert (4, 1, "gpu_samples") == (told["gpus"], told["racks"], told["power_from"])
    # Six busy GPUs and two idle ones; before them eight idle ones.
    assert 0.0021 == pytest.approx(told["power_mw"])
    assert (2100 - 800) / 1e6 == pytest.approx(told["ramp_mw_per_s"])
    assert 1 / 15 == pytest.approx(told["ramp_limit_mw_per_s"])
    assert (2 * 4 * 50 / 1e6, 0.5) == pytest.approx((told["swing_mw"], told["swing_hz"]))
    assert (0, 0) == (told["failures"], told["failures_most"])
    assert (53.0, 0) == (told["warmest"][0]["gpu_c"], told["throttled"])


def test_a_phase_that_goes_wrong_says_so_at_once(trained, tmp_path):
    """The same on a site of 10 kW: too steep, swinging; and devices that failed where none should have."""
    file = tmp_path / "site.toml"
    file.write_text("[plan]\nsite_mw = 0.01\nswing_mw = 0.0001\n")
    told, code = phase(trained, file, 110)
    said = " ".join(told["wrong"])
    assert (False, 1) == (told["well"], code)
    for words in ("ramp", "swings", "failed", "held down"):
        assert words in said
    assert {"rack-0000/cdu", "rack-0001/cdu", "rack-0001"} == {b["subject"] for b in told["broken"]}
