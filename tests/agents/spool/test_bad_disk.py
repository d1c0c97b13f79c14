"""What waits on a bad disk: full, failing, torn, damaged."""

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spools import Clock, drained, killed, logs, names, put, spool, taken

from coldplate.agents.spool import segment
from coldplate.agents.spool.disk import DISK_RETRY_S


def test_a_full_disk_is_said_once_and_memory_holds_what_comes(tmp_path, monkeypatch, caplog):
    """When there is room again it is written down, in its order, before anything newer."""
    clock, room, write = Clock(), [3], os.write

    def full(file, data):
        if room[0] <= 0 and len(data) > 20:
            # A disk that fills up takes a part, and then nothing.
            if room[0] == 0:
                room[0] = -1
                return write(file, data[:7])
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= len(data) > 50
        return write(file, data)

    made = spool(tmp_path, clock)
    monkeypatch.setattr(os, "write", full)
    for i in range(1000):
        put(made, f"a{i}", size=10_000)
    assert 1000 == made.pending
    assert 997 == made.now()["unsaved"]
    assert 1 == sum("takes no records" in r.getMessage() for r in caplog.records)
    room[0] = 1 << 30
    clock.s += DISK_RETRY_S
    put(made, "a1000", size=10_000)
    assert 1 == sum("takes records again" in r.getMessage() for r in caplog.records)
    assert made.now()["unsaved"] < 500
    assert [f"a{i}" for i in range(1001)] == drained(made)
    made.close()


def test_memory_is_bounded_while_the_disk_is_away(tmp_path, monkeypatch):
    """The oldest give way there too."""

    def full(file, data):
        raise OSError(errno.EIO, "Input/output error")

    made = spool(tmp_path)
    monkeypatch.setattr(os, "write", full)
    for i in range(300):
        put(made, f"a{i}", size=100_000)
        put(made, f"e{i}", "events")
    monkeypatch.undo()
    dropped = made.counts["dropped_queue_full"]
    assert 80 < dropped < 200
    assert 600 - dropped == made.pending
    made.give_back_all()
    assert 600 - dropped == len(drained(made))
    made.close()


def test_a_file_that_may_grow_no_more_is_like_a_full_disk(tmp_path):
    """The kernel's own limit on a file, in a process of its own: half a record is cut off again."""
    script = """
import resource, sys
from pathlib import Path
from coldplate.agents.options.spool import Spool
from coldplate.agents.spool.disk import SpooledQueue
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
made = SpooledQueue(Path(sys.argv[1]), Spool(fsync="never"))
for i in range(20):
    made.put("frames", b"a", f"a{i}".encode().ljust(1000), urgent=False, first_ms=1 << 60)
assert made.pending == 20, made.pending
assert made.now()["unsaved"] == 16, made.now()
print(made.counts["spool_errors"])
import os
os._exit(0)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert "1\n" == ran.stdout, ran.stderr
    again = spool(tmp_path)
    assert 0 == again.counts["spool_torn_tails"]
    assert [f"a{i}" for i in range(4)] == drained(again)
    again.close()


def test_a_folder_that_cannot_be_made_is_no_reason_not_to_start(tmp_path):
    """Records wait in memory, and go to the disk once there is one."""
    (tmp_path / "state").write_text("in the way")
    clock = Clock()
    made = spool(tmp_path / "state" / "spool", clock)
    put(made, "a0")
    assert (1, 1) == (made.pending, made.now()["unsaved"])
    (tmp_path / "state").unlink()
    clock.s += DISK_RETRY_S
    put(made, "a1")
    put(made, "e0", "events")
    assert 1 == made.now()["unsaved"]
    assert ["e0", "a0", "a1"] == drained(made)
    made.close()


@pytest.mark.parametrize("policy", ["interval", "always"])
def test_records_are_flushed_to_the_disk(tmp_path, monkeypatch, policy):
    """File and folder; at once, or when the spool is closed at the latest."""
    flushed, fsync = [], os.fsync

    def noted(file):
        flushed.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    made = spool(tmp_path, fsync=policy, fsync_s=0.01)
    put(made, "a0")
    if policy == "interval":
        made._syncer.close()
    assert {str(logs(tmp_path)[0]), str(tmp_path / "frames")} <= set(flushed)
    made.close()


def test_a_tail_is_cut_wherever_it_is_torn(tmp_path):
    """At each byte of the last record: those before it are there, and the next ones too."""
    made = spool(tmp_path)
    for i in range(3):
        put(made, f"a{i}", size=20)
    killed(made)
    path = logs(tmp_path)[0]
    whole = path.read_bytes()
    last = whole.rindex(b"\xc5REC")
    for length in range(last, len(whole)):
        path.write_bytes(whole[:length])
        again = spool(tmp_path)
        assert (length > last) == again.counts["spool_torn_tails"]
        put(again, "a3", size=20)
        assert ["a0", "a1", "a3"] == names(taken(again))
        assert 0 == again.counts["dropped_spool_damaged"]
        killed(again)
        for left in tmp_path.glob("frames/*"):
            left.unlink()


def filled(folder, records=30, acked=5):
    """A spool of several segments, some of it acknowledged; what its files hold."""
    made = spool(folder, segment_bytes=4096)
    for i in range(records):
        put(made, f"a{i}", size=300)
    for record in taken(made, acked):
        made.done(record, "acknowledged")
    killed(made)
    return {p.name: p.read_bytes() for p in folder.glob("frames/*")}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("healthy"))


@given(st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damage_costs_what_it_hits_and_nothing_else(healthy, tmp_path_factory, data):
    """Any bytes anywhere: it starts, every intact record comes, in order, and the others are counted."""
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "frames").mkdir()
    name = data.draw(st.sampled_from(sorted(healthy)))
    whole = healthy[name]
    at = data.draw(st.integers(0, len(whole) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=data.draw(st.sampled_from([1, 4, 700]))))
    hurt = (whole[:at] + noise + whole[at + len(noise) :])[: len(whole)]
    for other, content in healthy.items():
        (folder / "frames" / other).write_bytes(hurt if other == name else content)
    made = spool(folder, segment_bytes=4096)
    got = drained(made)
    assert sorted(got, key=lambda n: int(n[1:])) == got
    assert len(set(got)) == len(got)
    intact = {f"a{i}" for i in range(5, 30) if name.endswith(".ack") or not hit(i, whole, hurt)}
    assert intact <= set(got)
    missing = {f"a{i}" for i in range(5, 30)} - set(got)
    counts = made.counts
    assert not missing or counts["dropped_spool_damaged"] + counts["spool_torn_tails"] > 0
    if not counts["spool_torn_tails"]:
        assert len(missing) == counts["dropped_spool_damaged"]
    assert 0 == made.pending
    made.close()


def hit(number, whole, hurt):
    """Whether a record stands in this file and was damaged."""
    value = f"a{number}".encode().ljust(300)
    at = whole.find(value)
    # From its mark to its end: 16 of head, 16 of sizes, topic and key before the value.
    begin, end = at - 16 - 16 - len("frames") - 1, at + 300
    return at >= 0 and whole[begin:end] != hurt[begin:end]


def test_a_damaged_segment_is_set_aside_and_few_are_kept(tmp_path):
    """Of those that were sent as far as they were good, people find the last eight."""
    for _ in range(12):
        made = spool(tmp_path)
        for i in range(4):
            put(made, f"a{i}")
        made.close()
        path = logs(tmp_path)[0]
        data = bytearray(path.read_bytes())
        data[data.index(b"a1 ")] ^= 1
        path.write_bytes(data)
        made = spool(tmp_path)
        assert ["a0", "a2", "a3"] == drained(made)
        assert (1, 1) == (made.counts["dropped_spool_damaged"], made.counts["spool_bad_segments"])
        made.close()
    assert 8 == len(list(tmp_path.glob("frames/*.bad")))
    assert [] == logs(tmp_path)


def test_a_segment_of_another_version_is_set_aside(tmp_path):
    """It is not guessed at; the others are sent."""
    made = spool(tmp_path)
    put(made, "a0")
    killed(made)
    made = spool(tmp_path)
    put(made, "a1")
    made.close()
    old = logs(tmp_path)[0]
    later = segment._HEADER.pack(b"coldspl\n", 2, 0, 1, 0)[:-4]
    check = segment.crc32(later).to_bytes(4, "little")
    old.write_bytes(later + check + old.read_bytes()[segment.HEADER_BYTES :])
    made = spool(tmp_path)
    assert ["a1"] == drained(made)
    assert 1 == made.counts["spool_bad_segments"]
    assert [old.with_suffix(".bad")] == list(tmp_path.glob("frames/*.bad"))
    made.close()


def test_random_life_keeps_order_and_accounts_for_all(tmp_path):
    """Puts, takes, acknowledgements, giving back, kills, restarts: first appearances are in order, nothing is lost."""
    chance = random.Random(5)
    made, sent, seen, ended = spool(tmp_path, segment_bytes=4096), 0, [], set()
    for _ in range(3000):
        step = chance.random()
        if step < 0.5:
            put(made, f"a{sent}", size=200)
            sent += 1
        elif step < 0.8:
            seen += names(batch := taken(made, chance.randrange(4)))
            for record in batch:
                if chance.random() < 0.9:
                    made.done(record, "acknowledged")
                    ended.add(names([record])[0])
        elif step < 0.95:
            made.give_back_all()
        elif step < 0.98:
            killed(made)
            made = spool(tmp_path, segment_bytes=4096)
        else:
            made.close()
            made = spool(tmp_path, segment_bytes=4096)
    made.give_back_all()
    seen += drained(made)
    first = list(dict.fromkeys(seen))
    assert [f"a{i}" for i in range(sent)] == first
    assert 0 == made.pending
    made.close()
