"""One real Kafka and ClickHouse a run, and two rules of every run: only named skips, no process left behind."""

import contextlib
import gc
from collections import Counter

import psutil
import pytest
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

MAY_SKIP = ("gpu", "cluster", "browser", "peers", "sets")
"""Markers of tests that need what a bare machine lacks."""

FORBIDDEN = f"skipped, or expected to fail, without one of the markers {', '.join(MAY_SKIP)}"
END_WITHIN_S = 5.0

skips: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(tmp_path_factory):
    """Set up first, so ended last: when every other fixture has stopped what it started."""
    folder = f"{tmp_path_factory.getbasetemp()}/"
    yield
    # A socket that nobody closed is an error of the run, and so must be found before its closing line.
    gc.collect()
    with contextlib.suppress(AssertionError):
        await_that(lambda: not _survivors(folder), END_WITHIN_S, "the tests' processes to end")
    left = _survivors(folder)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert not left, f"started by the tests and still running: {left}"


def _survivors(folder):
    """Children of this process, and whatever names the run's temporary folder on its command line."""
    me = psutil.Process()
    found = {p.pid: p for p in me.children(recursive=True)}
    above = {p.pid for p in (me, *me.parents())}
    for process in psutil.process_iter(["cmdline"]):
        named = any(folder in word for word in process.info["cmdline"] or ())
        if named and process.pid not in above:
            found[process.pid] = process
    return [p for p in found.values() if _runs(p)]


def _runs(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory):
    """Both servers, started when the first test asks for them."""
    state = StateDir(tmp_path_factory.mktemp("stack") / "state")
    parts, found = local_servers(state, Cache.default())
    with Supervisor(state, parts) as supervisor:
        supervisor.wait_healthy(60)
        yield found


@pytest.fixture(scope="session")
def kafka_bootstrap(endpoints):
    """`host:port` of Kafka."""
    return endpoints.kafka


@pytest.fixture(scope="session")
def clickhouse_url(endpoints):
    """ClickHouse as its owner."""
    return endpoints.clickhouse_owner


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item):
    """A skip counts under its marker; without one it is a failure."""
    report = yield
    if report.skipped:
        marker = next((m for m in MAY_SKIP if item.get_closest_marker(m)), None)
        if marker is None:
            report.outcome, report.longrepr = "failed", f"{FORBIDDEN}: {_reason(report)}"
        else:
            skips[marker, _reason(report)] += 1
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report():
    """A module that skips itself hides its tests, whatever they are marked with."""
    report = yield
    if report.skipped:
        report.outcome, report.longrepr = "failed", f"a whole module skipped: {_reason(report)}"
    return report


def _reason(report):
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return getattr(report, "wasxfail", "") or "no reason given"


def pytest_terminal_summary(terminalreporter):
    """How many tests were skipped under each marker, and why; pytest's own closing line follows."""
    terminalreporter.section("skips by marker")
    for marker in MAY_SKIP:
        reasons = {reason: n for (m, reason), n in skips.items() if m == marker}
        why = "; ".join(f"{n} {reason}" for reason, n in reasons.items())
        terminalreporter.line(f"{marker}: {sum(reasons.values())}{f' ({why})' if why else ''}")
