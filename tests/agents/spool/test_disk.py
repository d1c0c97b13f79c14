"""What waits on disk: it survives the process, keeps its order and its bounds."""

import os
import subprocess
import sys
from itertools import count

import pytest
from spools import Clock, drained, killed, names, put, spool, taken

from coldplate.agents.spool.errors import SpoolBusy
from coldplate.agents.spool.frames import LOAD_RECORDS


def test_what_waits_survives_a_kill_and_what_was_in_flight_is_sent_again(tmp_path):
    """In its order, with the same bytes; what was acknowledged is not."""
    made = spool(tmp_path)
    for i in range(100):
        put(made, f"a{i}")
    for record in taken(made, 60):
        if int(names([record])[0][1:]) < 40:
            made.done(record, "acknowledged")
    killed(made)
    again = spool(tmp_path)
    # Up to 31 of what is done may not be written down yet while others are in flight.
    assert 60 <= again.pending <= 91
    got = drained(again)
    assert [f"a{i}" for i in range(40, 100)] == got[-60:]
    assert 0 == again.pending
    again.close()
    assert [] == list(tmp_path.glob("*/*"))


def test_the_last_acknowledgement_is_written_down_at_once(tmp_path):
    """With nothing in flight a kill makes nothing be sent again."""
    made = spool(tmp_path)
    for i in range(5):
        put(made, f"a{i}")
    assert [f"a{i}" for i in range(5)] == drained(made)
    killed(made)
    again = spool(tmp_path)
    assert 0 == again.pending
    assert again.take() is None
    again.close()


def test_more_than_memory_holds_is_read_back_in_order(tmp_path):
    """A window of it is in memory, however much waits; new records wait behind."""
    made = spool(tmp_path, segment_bytes=1 << 14)
    for i in range(5 * LOAD_RECORDS):
        put(made, f"a{i}")
        assert made._frames._window.size_bytes <= 4 << 20
    killed(made)
    again = spool(tmp_path, segment_bytes=1 << 14)
    assert 5 * LOAD_RECORDS == again.pending
    got = []
    for i in count(5 * LOAD_RECORDS):
        if (record := again.take()) is None:
            break
        assert again._frames._window.pending <= LOAD_RECORDS
        got += names([record])
        again.done(record, "acknowledged")
        if i < 6 * LOAD_RECORDS:
            put(again, f"a{i}")
    assert [f"a{i}" for i in range(6 * LOAD_RECORDS)] == got
    assert 0 == again.pending == again.now()["unsaved"] == again.now()["spool_records"]
    again.close()


def test_what_comes_back_is_before_what_waits(tmp_path):
    """All in flight together, as when a producer is given up."""
    made = spool(tmp_path)
    for i in range(10):
        put(made, f"a{i}")
    assert 4 == len(taken(made, 4))
    assert 4 == made.give_back_all()
    assert [f"a{i}" for i in range(10)] == drained(made)
    made.close()


def test_events_go_first_and_the_newest_of_many(tmp_path):
    """After a restart too; a few leave as they came."""
    made = spool(tmp_path)
    for i in range(50):
        put(made, f"a{i}")
        put(made, f"e{i}", "events")
    killed(made)
    again = spool(tmp_path)
    newest = [f"e{i}" for i in range(49, 31, -1)]
    few = [f"e{i}" for i in range(32)]
    assert newest + few + [f"a{i}" for i in range(2)] == drained_some(again, 52)
    assert [f"a{i}" for i in range(2, 50)] == drained(again)
    again.close()


def drained_some(made, most):
    out = taken(made, most)
    for record in out:
        made.done(record, "acknowledged")
    return names(out)


def test_the_oldest_frames_give_way_by_the_segment_and_events_stay(tmp_path):
    """The bound holds for the files, and every drop is counted."""
    made = spool(tmp_path, bytes_max=1 << 17, segment_bytes=1 << 13)
    put(made, "e", "events")
    for i in range(3000):
        put(made, f"a{i}", size=1000)
        on_disk = sum(p.stat().st_size for p in tmp_path.glob("*/*"))
        assert on_disk <= (1 << 17) + 2000
    killed(made)
    again = spool(tmp_path, bytes_max=1 << 17, segment_bytes=1 << 13)
    got = drained(again)
    assert "e" == got[0]
    assert [f"a{i}" for i in range(3001 - len(got), 3000)] == got[1:]
    # What was in memory already when its segment went was not dropped by the process that died.
    assert 3000 - (len(got) - 1) >= made.counts["dropped_spool_full"] > 2000
    again.close()


def test_a_live_process_accounts_for_every_record_that_gives_way(tmp_path):
    """Taken is acknowledged and dropped."""
    made = spool(tmp_path, bytes_max=1 << 17, segment_bytes=1 << 13)
    for i in range(3000):
        put(made, f"a{i}", size=1000)
    got = drained(made)
    assert 3000 == len(got) + made.counts["dropped_spool_full"]
    assert sorted(got, key=lambda n: int(n[1:])) == got
    assert 0 == made.pending
    made.close()


def test_what_is_too_old_is_dropped_and_counted(tmp_path):
    """By event time, when it would be sent, or with its whole segment."""
    clock = Clock()
    made = spool(tmp_path, clock, age_max_s=3600.0)
    for i in range(10):
        put(made, f"a{i}", age_s=1800.0)
        put(made, f"e{i}", "events", age_s=1800.0)
    clock.s += 2000.0
    put(made, "a10")
    assert ["a10"] == drained(made)
    assert (20, 0) == (made.counts["dropped_spool_old"], made.pending)
    made.close()


def test_frames_after_an_outage_leave_at_a_multiple_of_the_live_rate(tmp_path):
    """One a second live: a burst, then ten a second while it goes on; what is live is never kept back by this."""
    clock = Clock(drift_s=0.0)
    made = spool(tmp_path, clock, catch_up_ratio=10.0)
    for i in range(600):
        put(made, f"a{i}")
        clock.s += 1.0
    sent = taken(made)
    assert 20 == len(sent)
    assert 0.0 < made.wait_s() <= 0.11
    for i in range(600, 630):
        put(made, f"a{i}")
        for _ in range(10):
            clock.s += 0.1
            sent += taken(made)
    for record in sent:
        made.done(record, "acknowledged")
    assert 290 <= len(sent) - 20 <= 310
    assert [f"a{i}" for i in range(len(sent))] == names(sent)
    made.close()


def test_a_live_rate_is_known_from_the_first_second(tmp_path):
    """Sixty racks a second are not held up at the start."""
    clock = Clock(drift_s=0.0)
    made = spool(tmp_path, clock, catch_up_ratio=2.0)
    for i in range(300):
        put(made, f"a{i}")
        clock.s += 1 / 60
        assert [f"a{i}"] == drained(made)
    made.close()


def test_a_folder_is_one_process(tmp_path):
    """The second is told who has it; when the first has ended, however, the next one takes over."""
    made = spool(tmp_path)
    put(made, "a0")
    script = (
        "import sys; from pathlib import Path; from coldplate.agents.options.spool import Spool;"
        "from coldplate.agents.spool.disk import SpooledQueue; SpooledQueue(Path(sys.argv[1]), Spool())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert 1 == ran.returncode
    assert f"SpoolBusy: the spool {tmp_path} belongs to the running process {os.getpid()}" in (
        ran.stderr.replace("coldplate.agents.spool.errors.", "")
    )
    with pytest.raises(SpoolBusy):
        spool(tmp_path)
    killed(made)
    spool(tmp_path).close()
