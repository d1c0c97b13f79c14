"""The demo as a user runs it: one command, one page, a summary that holds."""

import json
import subprocess
import sys

import psutil
import pytest
from waiting import await_that

pytestmark = pytest.mark.e2e


def demo(folder, *options, **more):
    command = [sys.executable, "-m", "coldplate.console", "--state", str(folder / "state"), "demo"]
    return subprocess.Popen(
        [*command, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )  # fmt: skip


def test_one_page_names_the_pump_and_its_countdown_comes_true(tmp_path):
    """Nothing lost or doubled, one paging incident, found within 10 s, forecast within 5 s, closed at the end."""
    (tmp_path / "demo-summary.json").write_text("{}")
    process = demo(tmp_path, "--duration", "100", "--json")
    out, log = process.communicate(timeout=300)
    assert 0 == process.returncode, log
    summary = json.loads(out.splitlines()[-1])
    assert json.loads((tmp_path / "demo-summary.json").read_text()) == summary
    assert 0 == summary["frames_lost"] == summary["frames_duplicated"]
    assert summary["frames_produced"] == summary["frames_stored"] > 500
    assert 257 * 100 == summary["rows"]
    page = summary["incidents"][0]
    assert [page] == summary["incidents"]
    assert ("pump-stop", "rack-0003/cdu") == (page["kind"], page["subject"])
    assert "Pump 1 of rack-0003/cdu" in page["cause"]
    assert page["closed_at"] is not None
    assert 64 == page["affected_count"]
    assert page["evidence_count"] >= 64
    assert 0 < summary["detected_after_s"] <= 10
    assert abs(summary["throttle_forecast_s"] - summary["throttle_seen_s"]) <= 5
    assert 15 <= summary["throttle_seen_s"] <= 25
    assert ["xid-31"] == [i["kind"] for i in summary["info_incidents"]]
    assert 0 <= summary["event_to_incident_s"] <= 1
    assert {"kafka", "clickhouse", "faust"} <= set(summary["versions"])


def test_ctrl_c_still_gives_a_summary_and_leaves_nothing_running(tmp_path):
    """Interrupted in the middle it stops its producers, waits for the last row, and exits with 130."""
    process = demo(tmp_path)
    stats = tmp_path / "state" / "run" / "twin.json"
    await_that(lambda: stats.exists() and '"frames": 0' not in stats.read_text(), 120, "frames")
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 4
    process.terminate()
    _, log = process.communicate(timeout=60)
    assert 130 == process.returncode, log
    summary = json.loads((tmp_path / "demo-summary.json").read_text())
    assert summary["interrupted"]
    assert 0 == summary["frames_lost"] == summary["frames_duplicated"]
    assert [] == psutil.wait_procs(children, timeout=10)[1]


def test_kill_9_leaves_no_orphan(tmp_path):
    """The kernel ends every part with its supervisor."""
    process = demo(tmp_path)
    stats = tmp_path / "state" / "run" / "sink.json"
    await_that(stats.exists, 120, "the sink")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=10)
    assert [] == psutil.wait_procs(children, timeout=10)[1]
