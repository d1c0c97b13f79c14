"""What passes between loop and collector is noted, and passes once."""

from coldplate.agents.collector import Happening, Health
from coldplate.agents.local.status import merged

XID = Happening("xid", "rack-0003/node-5/gpu-1", 0, code=79)


def test_what_was_told_at_once_is_not_told_again(scene):
    """Its collector gives it with its happenings too; equal ones are two."""
    assert scene.watched.first(XID)
    scene.told.heard = [XID, Happening("xid", "rack-0003/node-5/gpu-1", 0, code=79)]
    (left,) = scene.watched.happenings()
    assert (True, False) == (left == XID, left is XID)


def test_what_the_loop_got_first_is_not_told_at_once(scene):
    """The other way round, when the thread that tells is slower than a tick."""
    scene.told.heard = [XID]
    assert [XID] == scene.watched.happenings()
    assert not scene.watched.first(XID)


def test_facts_and_xids_are_remembered(scene):
    """Facts add up, the last XID stands; anything else leaves nothing."""
    for data in ({"uuid": "GPU-1"}, {"vbios": "96.00"}):
        scene.hear("facts", 1, data=data)
    scene.hear("xid", 1, code=31)
    scene.hear("xid", 1, code=79)
    scene.hear("leak", 1)
    scene.tick(1)
    gpu = "rack-0003/node-5/gpu-1"
    assert {gpu: {"uuid": "GPU-1", "vbios": "96.00"}} == scene.status.facts
    assert {gpu: 79} == scene.status.xids


def test_each_tick_is_noted(scene):
    """For who asks whether the loop lives."""
    assert None is scene.status.ticked_s
    scene.tick(1)
    assert scene.status.ticked_s > 0
    assert 1000 == scene.status.latest.t_ms


def test_healths_of_one_name_are_one():
    """Well when all are, with what each knows."""
    told = [
        Health("nvml", ok=True, duration_s=0.01, counts={"asked": 3}),
        Health("nvml", ok=False, text="driver gone", last_success_ms=7, counts={"events": 1}),
        Health("host", ok=True),
    ]
    nvml, host = merged(told)
    assert (False, "driver gone", 0.01, 7) == (
        nvml.ok, nvml.text, nvml.duration_s, nvml.last_success_ms,
    )  # fmt: skip
    assert ({"asked": 3, "events": 1}, True) == (nvml.counts, host.ok)
