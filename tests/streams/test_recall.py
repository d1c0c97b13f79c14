"""Asking the history at start: what it tells is taken, and it is not waited for longer than allowed."""

import asyncio
import threading
import time

import pytest

from coldplate.streams.recall import OLD_MS, recall
from coldplate.wire.baseline import Baselines
from coldplate.wire.ports import HistoryUnavailable

NOW_MS = 1_800_000_000_000
RACKS = [Baselines("c", f"rack-{n:04d}", NOW_MS, ()) for n in range(3)]


class Expecting:
    """Keeping, as far as `recall` knows it."""

    def __init__(self):
        self.records = None

    def expect(self, records):
        self.records = list(records)


class History:
    """Fails so often, then tells; or hangs after the first rack until it is let go."""

    def __init__(self, failures=0, hangs=False):
        self.failures, self.asked, self.go_on = failures, [], threading.Event()
        if not hangs:
            self.go_on.set()

    def query(self, sql, parameters=None):
        raise NotImplementedError

    def baselines(self, cluster, since_ms):
        self.asked.append((cluster, since_ms))
        yield RACKS[0]
        self.go_on.wait(30)
        if len(self.asked) <= self.failures:
            raise HistoryUnavailable("ClickHouse at nowhere: refused")
        yield from RACKS[1:]


def ask(history, wait_s):
    keeping = Expecting()
    asyncio.run(recall(history, keeping, "c", NOW_MS, wait_s))
    return keeping.records


def test_what_it_tells_is_expected():
    """Of one's own cluster and of a week at most."""
    history = History()
    assert RACKS == ask(history, 10)
    assert [("c", NOW_MS - OLD_MS)] == history.asked


def test_it_is_asked_again_while_there_is_time(caplog):
    """A history that starts beside the worker is waited for; nothing is given twice, or said."""
    history = History(failures=1)
    assert RACKS == ask(history, 10)
    assert 2 == len(history.asked)
    assert [] == [r.message for r in caplog.records if r.levelname == "WARNING"]


@pytest.mark.parametrize(
    "history", [History(hangs=True), History(failures=99)], ids=["hangs", "refuses"]
)
def test_it_is_not_waited_for_longer(history, caplog):
    """Detection begins, with what was told so far or nothing, and the log says why."""
    began_s = time.monotonic()
    records = ask(history, 0.3)
    assert time.monotonic() - began_s < 5
    history.go_on.set()
    assert records in ([], RACKS[:1])
    (said,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert "learn anew" in said
    assert "no answer in" in said or "nowhere" in said
