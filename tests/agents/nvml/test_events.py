"""What the driver says by itself is heard at once, and told once."""

import logging

import numpy as np
from waiting import await_that

from coldplate.agents.options.nvml import Nvml
from coldplate.agents.xid_once import XidOnce

NODE = "rack-0/node-0"
LISTENING = Nvml(deadline_s=5.0)


def listening(rig, number=0):
    await_that(lambda: rig.library.listening(number), 5, "somebody who listens")


def told(collector):
    return [h for h in collector.happenings() if h.kind != "facts"]


def test_an_xid_is_told_at_once_between_ticks(rig_of):
    """With its number, to who asked to be told, and by `happenings` too."""
    rig = rig_of()
    at_once = []
    collector = rig.make(options=LISTENING, on_happening=at_once.append)
    listening(rig, 2)
    rig.library.happen(2, 0x8, 79)
    await_that(lambda: at_once, 1, "the XID")
    assert ("xid", f"{NODE}/gpu-2", 79) == (at_once[0].kind, at_once[0].subject, at_once[0].code)
    assert round(rig.clock() * 1000) == at_once[0].t_ms
    assert at_once == told(collector)
    assert [] == collector.happenings()


def test_who_is_told_may_fail(rig_of, caplog):
    """It is logged, and the next one is told all the same."""
    rig = rig_of(gpus=1)
    at_once = []

    def fail(happening):
        at_once.append(happening.code)
        raise ValueError("no")

    rig.make(options=LISTENING, on_happening=fail)
    listening(rig)
    for code in (79, 48):
        rig.library.happen(0, 0x8, code)
    await_that(lambda: at_once == [79, 48], 5, "both")
    await_that(lambda: "told in vain" in caplog.text, 5, "the log")


def test_memory_errors_and_asked_for_resets_are_told_in_words(rig_of):
    """A recovery action of 0 is that none is needed."""
    rig = rig_of(gpus=1)
    collector = rig.make(options=LISTENING)
    listening(rig)
    for bit, number in ((0x2, 0), (0x800, 0), (0x8000, 0), (0x8000, 1)):
        rig.library.happen(0, bit, number)
    await_that(lambda: collector.health()[0].counts.get("events_needs_reset") == 2, 5, "them")
    expected = [
        ("ecc", None, "double-bit ECC error"),
        ("ecc", None, "a row of the GPU memory could not be remapped"),
        ("needs_reset", 1, "recovery action changed"),
    ]
    found = await_that(lambda: told(collector), 1, "happenings")
    assert expected == [(h.kind, h.code, h.text) for h in found]


def test_an_xid_that_the_kernels_log_told_before_is_not_told_again(rig_of):
    """Who reads the log and who listens here share one memory."""
    rig = rig_of(gpus=1)
    once = XidOnce()
    collector = rig.make(options=LISTENING, once=once)
    listening(rig)
    assert once.first(f"{NODE}/gpu-0", 31, round(rig.clock() * 1000) - 1200)
    rig.library.happen(0, 0x8, 31)
    await_that(lambda: collector.health()[0].counts.get("events_repeated"), 5, "the XID")
    assert [] == told(collector)


def test_events_are_heard_again_after_a_driver_reload(rig_of):
    """From the GPU under its new number."""
    rig = rig_of(gpus=2)
    collector = rig.make(options=LISTENING)
    listening(rig)
    rig.sample()
    rig.library.unload()
    rig.sample()
    rig.library.load(order=[1, 0])
    await_that(lambda: np.isfinite(rig.sample()[0]).all(), 20, "the driver")
    listening(rig, 1)
    rig.library.happen(1, 0x8, 48)
    found = await_that(lambda: told(collector), 5, "the XID")
    assert [("xid", f"{NODE}/gpu-1", 48)] == [(h.kind, h.subject, h.code) for h in found]


def test_a_lost_gpu_does_not_make_the_others_unheard(rig_of):
    """Waiting fails while it is in the set; the next set is without it."""
    rig = rig_of(gpus=2)
    collector = rig.make(options=LISTENING)
    listening(rig)
    rig.library.lose(0)
    await_that(lambda: not rig.library.listening(0), 5, "a set without it")
    listening(rig, 1)
    rig.library.happen(1, 0x8, 94)
    found = await_that(lambda: told(collector), 5, "the XID")
    assert [("xid", f"{NODE}/gpu-1", 94)] == [(h.kind, h.subject, h.code) for h in found]


def test_where_listening_is_refused_it_is_said_once(rig_of, caplog):
    """Unprivileged in a container, or a virtual GPU: a warning a GPU, a count, and sampling goes on."""
    rig = rig_of(gpus=2)
    rig.library.refused_events = 4
    with caplog.at_level(logging.WARNING):
        collector = rig.make(options=LISTENING)
        await_that(lambda: collector.health()[0].counts.get("events_refused") == 2, 5, "refusals")
    assert 2 == caplog.text.count("XIDs are heard from the kernel's log")
    assert np.isfinite(rig.sample()[0]).all()


def test_listening_can_be_left_out(rig_of):
    """No thread, no event set."""
    rig = rig_of(gpus=1)
    rig.make(options=Nvml(events=False, deadline_s=5.0))
    rig.sample()
    assert 0 == rig.library.calls["nvmlEventSetCreate"]


def test_an_event_under_another_handle_is_its_gpus_all_the_same(rig_of):
    """Nothing promises that an event carries the handle that was registered; the UUID decides."""
    rig = rig_of(gpus=2)
    collector = rig.make(options=LISTENING)
    listening(rig)
    rig.library.happen(0, 0x8, 79, alias=True)
    found = await_that(lambda: told(collector), 5, "the XID")
    assert [("xid", f"{NODE}/gpu-0", 79)] == [(h.kind, h.subject, h.code) for h in found]
