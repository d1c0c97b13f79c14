"""The demo as a user runs it: one command, one page, a summary that holds."""

import importlib.util
import json
import subprocess
import sys
from datetime import datetime

import psutil
import pytest
from e2e.looker import CHROMIUM, Looker
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
BROWSER = CHROMIUM is not None and importlib.util.find_spec("playwright") is not None


def demo(folder, *options, **more):
    command = [sys.executable, "-m", "coldplate.console", "--state", str(folder / "state"), "demo"]
    return subprocess.Popen(
        [*command, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One whole demo, looked at in a browser where there is one: what it printed, its folder, what was seen."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "demo-summary.json").write_text("{}")
    looker = Looker(folder / "state" / "run" / "web.json", "rack-0003", "rack-0003/node-0/gpu-0")
    process = demo(folder, "--duration", "100", "--json")
    if BROWSER:
        looker.start()
    out, log = process.communicate(timeout=300)
    if BROWSER:
        looker.end()
    assert 0 == process.returncode, log
    return out, folder, looker


def test_one_page_names_the_pump_and_its_countdown_comes_true(ran):
    """Nothing lost or doubled, one paging incident, found within 10 s, forecast within 5 s, closed at the end."""
    out, folder, _ = ran
    summary = json.loads(out.splitlines()[-1])
    assert json.loads((folder / "demo-summary.json").read_text()) == summary
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


@pytest.mark.browser
def test_the_rack_shows_its_incident_on_the_live_hall(ran, capsys):
    """Mark and colour change by themselves, and the page complains of nothing; how soon is printed."""
    if not BROWSER:
        pytest.skip("Chromium or playwright is not installed")
    out, _, looker = ran
    assert looker.error is None
    assert [] == looker.complaints
    assert looker.marked_s is not None
    assert len(looker.colours) >= 2
    page = json.loads(out.splitlines()[-1])["incidents"][0]
    told_s = datetime.fromisoformat(page["told_at"]).timestamp()
    after_s = looker.marked_s - told_s
    with capsys.disabled():
        sys.stdout.write(f"\nshown {after_s:.1f} s after the incident's record in Kafka\n")
    assert looker.marked_s > told_s


@pytest.mark.browser
def test_a_replay_shows_what_the_history_has(ran):
    """The cell of a GPU at a moment of the fault: the newest temperature in the history's rows until then."""
    if not BROWSER:
        pytest.skip("Chromium or playwright is not installed")
    _, folder, looker = ran
    at_ms, shown_c = looker.replayed
    sql = (
        "SELECT argMax(gpu_c, t) FROM gpu_samples WHERE device = (SELECT device FROM inventory FINAL WHERE id = 'rack-0003/node-0/gpu-0')"
        f" AND t <= fromUnixTimestamp64Milli({at_ms})"
    )
    state = StateDir(folder / "state")
    state.acquire()
    parts, found = local_servers(state, Cache.default(), kafka=False)
    with Supervisor(state, parts) as supervisor:
        supervisor.wait_healthy(60)
        with Client(ClickHouseSettings.from_url(found.clickhouse_reader)) as client:
            assert shown_c == client.execute(sql)[0][0]


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
