"""The listener at the kernel's log: a FIFO in its place, and the real one where it may be read."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import await_that

from coldplate.agents.collector import Happening
from coldplate.agents.collectors.kmsg import KmsgCollector
from coldplate.agents.kmsg.device import Kmsg
from coldplate.agents.xid_once import XidOnce

NODE = "rack-0003/node-5"
GPUS = {"0000:c1:00": f"{NODE}/gpu-6", "0000:19:00": f"{NODE}/gpu-0"}
XID = "NVRM: Xid (PCI:0000:c1:00): {}, pid=1, name=python3, text"


class Log:
    """A FIFO to which records are written as the kernel would."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        # Both ends, so that it opens at once and no reader sees the end of it.
        self._fd = os.open(path, os.O_RDWR)
        self._sequence = 0

    def say(self, text: str, *, priority: int = 3, t_us: int | None = None) -> None:
        self._sequence += 1
        t_us = int(1e6 * time.monotonic()) if t_us is None else t_us
        os.write(self._fd, f"{priority},{self._sequence},{t_us},-;{text}\n".encode())

    def write(self, raw: bytes) -> None:
        os.write(self._fd, raw)

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "kmsg")
    yield made
    made.close()


@pytest.fixture
def listen(log: Log) -> Iterator[Callable[..., KmsgCollector]]:
    made: list[KmsgCollector] = []

    def start(**options: object) -> KmsgCollector:
        once = options.pop("once", XidOnce())
        made.append(KmsgCollector(NODE, GPUS, once, **{"path": log.path, **options}))
        return made[-1]

    yield start
    for one in made:
        one.close()


def heard(collector: KmsgCollector, count: int = 1) -> list[Happening]:
    """So many happenings; more would be an error of the test that follows."""
    out: list[Happening] = []

    def enough() -> bool:
        out.extend(collector.happenings())
        return len(out) >= count

    await_that(enough, 5.0, "a happening")
    return out


def test_an_xid_is_told_at_once_with_its_gpu(log: Log, listen) -> None:
    """Through the callback, with the kernel's own words and the time that it was said."""
    told: list[Happening] = []
    collector = listen(on_happening=told.append)
    before_ms = int(1000 * time.time())
    log.say(XID.format(31))
    await_that(lambda: told, 5.0, "the XID")
    (found,) = told
    assert ("xid", f"{NODE}/gpu-6", 31) == (found.kind, found.subject, found.code)
    assert XID.format(31) == found.text
    assert {"via": "kmsg", "bus": "0000:c1:00", "pid": 1, "name": "python3"} == found.data
    assert before_ms <= found.t_ms <= int(1000 * time.time())
    assert told == collector.happenings()
    assert [] == collector.happenings()


def test_a_device_that_is_no_gpu_of_ours_is_the_nodes(log: Log, listen) -> None:
    """An NVSwitch, or a GPU that nobody has told of."""
    collector = listen()
    log.say("nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Fatal, Link 30 LTSSM Fault Up")
    log.say("NVRM: Xid (PCI:0000:77:00): 79, GPU has fallen off the bus.")
    switch, gpu = heard(collector, 2)
    assert ("sxid", NODE, 20034, 30) == (
        switch.kind,
        switch.subject,
        switch.code,
        switch.data["link"],
    )
    assert ("xid", NODE, 79) == (gpu.kind, gpu.subject, gpu.code)


def test_what_nvml_has_told_is_not_told_again(log: Log, listen) -> None:
    """The same GPU and code within three seconds; another code is."""
    once = XidOnce()
    collector = listen(once=once)
    assert once.first(f"{NODE}/gpu-6", 31, int(1000 * time.time()))
    log.say(XID.format(31))
    log.say(XID.format(45))
    (found,) = heard(collector)
    assert 45 == found.code
    assert not once.first(f"{NODE}/gpu-6", 45, int(1000 * time.time()))
    assert 1 == collector.health()[0].counts["repeated"]


def test_an_xid_that_a_program_wrote_is_not_believed(log: Log, listen) -> None:
    """The kernel gives what programs write another facility; it is counted."""
    collector = listen()
    log.say(XID.format(79), priority=8 | 3)
    log.say(XID.format(31))
    (found,) = heard(collector)
    assert 31 == found.code
    assert 1 == collector.health()[0].counts["from_programs"]


def test_an_xid_that_a_program_wrote_is_believed_when_that_is_asked_for(log: Log, listen) -> None:
    """To try things out by hand."""
    collector = listen(from_programs=True)
    log.say(XID.format(79), priority=8 | 3)
    assert 79 == heard(collector)[0].code


def test_what_is_malformed_is_counted_and_the_rest_is_heard(log: Log, listen) -> None:
    """Also a record that comes in two pieces."""
    collector = listen()
    log.write(b"rubbish\n\xff\xfe;\n3,7,")
    log.write(b"88,-;" + XID.format(48).encode() + b"\n")
    assert 48 == heard(collector)[0].code
    assert 2 == collector.health()[0].counts["malformed"]


def test_a_log_that_may_not_be_read_is_said_with_what_to_do(tmp_path: Path, caplog) -> None:
    """And the collector lives on without it."""
    collector = KmsgCollector(NODE, GPUS, XidOnce(), path=str(tmp_path / "none"))
    health = collector.health()[0]
    assert not health.ok
    assert "mount the host's /dev/kmsg" in health.text
    assert 1 == len(caplog.messages)
    assert caplog.messages[0].endswith("XIDs are heard from NVML alone")
    assert {} == collector.sample(1000)
    assert [] == collector.happenings()
    collector.close()
    collector.close()


def test_a_log_that_is_forbidden_names_the_capability(log: Log) -> None:
    """As it is for an agent without privileges where dmesg_restrict is 1."""
    Path(log.path).chmod(0o000)
    root = os.geteuid() == 0
    if root:  # who reads everything; so as somebody else
        os.seteuid(65534)
    try:
        collector = KmsgCollector(NODE, GPUS, XidOnce(), path=log.path)
    finally:
        if root:
            os.seteuid(0)
    assert "CAP_SYSLOG" in collector.health()[0].text


def test_closing_ends_the_thread_that_is_blocked(log: Log, listen) -> None:
    """At once, and twice is no harm."""
    before = threading.active_count()
    collector = listen()
    assert before + 1 == threading.active_count()
    collector.close()
    collector.close()
    assert before == threading.active_count()


def test_a_writer_that_goes_away_does_not_make_it_spin(tmp_path: Path) -> None:
    """It waits to be closed."""
    log = Log(tmp_path / "kmsg")
    collector = KmsgCollector(NODE, GPUS, XidOnce(), path=log.path)
    log.say(XID.format(31))
    heard(collector)
    log.close()
    await_that(lambda: "kmsg" in [t.name for t in threading.enumerate()], 1.0, "the thread")
    used_s = time.process_time()
    threading.Event().wait(0.2)
    assert time.process_time() - used_s < 0.1
    collector.close()
    assert "kmsg" not in [t.name for t in threading.enumerate()]


class Spoken:
    """`os.read` on a log that gives these records, then nothing; an exception in their place is raised."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = list(answers)

    def __call__(self, fd: int, size: int) -> bytes:
        if not self.answers:
            raise BlockingIOError
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


def opened(path: Path, *answers: bytes | OSError, **options: object) -> Kmsg:
    path.touch()
    times = {"clock": lambda: 5000.0, "since_boot": lambda: 1000.0}
    return Kmsg(str(path), read=Spoken(*answers), **times, **options)


def test_records_that_were_overwritten_are_counted_and_reading_goes_on(tmp_path: Path) -> None:
    """EPIPE is the kernel's word for it."""
    lost = OSError(errno.EPIPE, "Broken pipe")
    kmsg = opened(tmp_path / "kmsg", b"3,1,1,-;a\n", lost, lost, b"3,9,2,-;b\n")
    assert ["a", "b"] == [r.text for r, _ in kmsg.records()]
    assert 2 == kmsg.overruns
    kmsg.release()


def test_looking_back_begins_at_the_time_and_gives_the_times_of_then(tmp_path: Path) -> None:
    """Boot was at 4,000 s of Unix time; 30 s back from 1,000 s after it."""
    raw = [f"3,{i},{t}000000,-;at {t}\n".encode() for i, t in enumerate((10, 969, 970, 990))]
    kmsg = opened(tmp_path / "kmsg", *raw, back_s=30.0)
    assert [("at 970", 4_970_000), ("at 990", 4_990_000)] == [
        (r.text, t) for r, t in kmsg.records()
    ]
    kmsg.release()


def test_a_time_that_the_records_clock_puts_into_the_future_is_now(tmp_path: Path) -> None:
    """It runs on its own, fast or slow."""
    kmsg = opened(tmp_path / "kmsg", b"3,1,1009000000,-;fast\n")
    assert [5_000_000] == [t for _, t in kmsg.records()]
    kmsg.release()


def test_the_kernels_own_log_is_read_or_its_absence_explained() -> None:
    """From boot on: records in sequence, none malformed, times not after now; else what it takes to read it."""
    collector = KmsgCollector(NODE, GPUS, XidOnce())
    collector.close()
    if not collector.health()[0].ok:
        assert collector.health()[0].text.startswith("/dev/kmsg: ")
        return
    kmsg = Kmsg("/dev/kmsg", back_s=1e9)
    found = list(kmsg.records())
    kmsg.release()
    assert 0 == kmsg.malformed
    sequences = [r.sequence for r, _ in found]
    assert sorted(set(sequences)) == sequences
    assert all(t_ms <= 1000 * time.time() for _, t_ms in found)
