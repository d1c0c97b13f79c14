"""GPUs and drivers in trouble: who is told, who is not delayed, and how it goes on."""

import json
import logging
import time

import numpy as np
import pytest
from waiting import await_that

from coldplate.agents.collectors.nvml import NvmlCollector
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.nvml.errors import NoDriver
from coldplate.agents.options.nvml import Nvml
from coldplate.wire.metric import Kind, metric

POWER, UTIL, ENERGY = (
    metric(Kind.GPU, name).number for name in ("power_w", "gpu_util_ratio", "energy_j")
)
NODE = "rack-0/node-0"
QUICK = Nvml(slow_ticks=4, deadline_s=0.3, events=False)


def kinds(collector):
    """What happened, without the facts that come at each start."""
    return [(h.kind, h.subject) for h in collector.happenings() if h.kind != "facts"]


def heard(values):
    """Which GPUs told their power."""
    return np.isfinite(values[POWER]).tolist()


def until(rig, condition, what, within_s=10):
    """Ticks until a condition of their values holds; those values."""
    return await_that(lambda: condition(v := rig.sample()) and [v], within_s, what)[0]


def test_a_lost_gpu_is_told_once_and_is_absent(rig_of):
    """The others go on; the lane asks it less and less often; origins and health say why."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    rig.library.lose(1)
    told = [heard(rig.sample()) for _ in range(10)]
    assert [[True, False, True]] * 10 == told
    assert [("gpu_lost", f"{NODE}/gpu-1")] == kinds(collector)
    origins = collector.origins()[f"{NODE}/gpu-1"].values()
    assert {"lost", "unsupported"} == {o.absent for o in origins}
    health = {h.name: h for h in collector.health()}
    assert not health["nvml/gpu-1"].ok
    assert health["nvml/gpu-0"].ok
    assert health["nvml/gpu-1"].counts["lost"] < 10


def test_a_gpu_that_comes_back_is_told_and_read_in_full(rig_of):
    """With the same id, within the lane's longest rest."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    rig.library.lose(1)
    for _ in range(3):
        rig.sample()
    rig.library.lose()
    until(rig, lambda v: all(heard(v)), "the GPU")
    assert [("gpu_lost", f"{NODE}/gpu-1"), ("gpu_back", f"{NODE}/gpu-1")] == kinds(collector)


def test_a_gpu_whose_calls_hang_delays_neither_the_others_nor_the_tick(rig_of):
    """The first tick waits until its deadline; after that the hanging one is not waited for at all."""
    rig = rig_of(gpus=8)
    collector = rig.make(options=Nvml(deadline_s=1.0, events=False))
    rig.sample()
    rig.library.block(5, 60.0)
    took_s = []
    for _ in range(4):
        began_s = time.monotonic()
        assert [n != 5 for n in range(8)] == heard(rig.sample())
        took_s.append(time.monotonic() - began_s)
    assert 0.9 < took_s[0] < 1.9
    assert max(took_s[1:]) < 0.9
    health = {h.name: h for h in collector.health()}["nvml/gpu-5"]
    assert ("no answer in time", 1) == (health.text, health.counts["timeout"])
    assert "timeout" == collector.origins()[f"{NODE}/gpu-5"]["power_w"].absent
    rig.library.unblock(5)
    until(rig, lambda v: all(heard(v)), "the GPU that hung")


def test_closing_does_not_wait_for_a_call_that_hangs(rig_of):
    """Twice, too; the driver is left as it is, because somebody is inside of it."""
    rig = rig_of(gpus=8)
    collector = rig.make(options=QUICK)
    rig.sample()
    rig.library.block(2, 60.0)
    rig.sample()
    began_s = time.monotonic()
    collector.close()
    collector.close()
    assert time.monotonic() - began_s < 3.0
    assert 1 == rig.library.initialised


def test_closing_shuts_the_driver_down_and_ends_every_thread(rig_of):
    """Initialised once, shut down once, no event set left."""
    rig = rig_of()
    collector = rig.make(options=Nvml(deadline_s=5.0))
    rig.sample()
    await_that(lambda: rig.library.listening(0), 5, "somebody who listens")
    collector.close()
    collector.close()
    assert (0, 0) == (rig.library.initialised, rig.library.events.open)


def test_a_gpu_that_needs_a_reset_is_told_once(rig_of):
    """Calls that are still answered go on; the others say what they wait for."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    rig.library.gpus[0].faults.refused |= {"nvmlDeviceGetUtilizationRates"}
    told = [rig.sample() for _ in range(9)]
    assert all(heard(v) == [True] * 3 for v in told)
    assert np.isnan([v[UTIL, 0] for v in told]).all()
    assert [("needs_reset", f"{NODE}/gpu-0")] == kinds(collector)
    origins = collector.origins()[f"{NODE}/gpu-0"]
    assert ("needs-reset", "") == (origins["gpu_util_ratio"].absent, origins["power_w"].absent)


def test_a_gpu_that_says_itself_that_it_needs_a_reset_is_told_with_the_action(rig_of):
    """Fields 226 and 230; when it no longer does and does again, it is told again."""
    rig = rig_of(gpus=1)
    collector = rig.make()
    fields = rig.library.gpus[0].fields
    for asked in (1, 0, 1):
        fields |= {226: asked, 230: asked}
        for _ in range(5):
            rig.sample()
    told = [h for h in collector.happenings() if h.kind == "needs_reset"]
    assert 2 == len(told)


def test_a_gpu_that_refuses_everything_is_not_well(rig_of):
    """All calls need the reset: absent, and told as such rather than as lost."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    rig.library.gpus[2].faults.needs_reset = True
    assert [True, True, False] == heard(rig.sample())
    assert [("needs_reset", f"{NODE}/gpu-2")] == kinds(collector)
    assert not {h.name: h for h in collector.health()}["nvml/gpu-2"].ok


def test_after_a_driver_reload_the_same_gpus_go_on(rig_of):
    """Absent while it is gone, which is no loss of a GPU; facts are told again when versions changed."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    collector.happenings()
    rig.library.unload()
    assert [False] * 3 == heard(rig.sample())
    rig.sample()
    assert not collector.health()[0].ok
    rig.library.version = "590.1"
    rig.library.load(order=[2, 0, 1])
    values = until(rig, lambda v: all(heard(v)), "the driver", within_s=20)
    assert np.isfinite(values[ENERGY]).all()
    assert collector.health()[0].ok
    told = collector.happenings()
    assert ["facts"] * 3 == [h.kind for h in told]
    index = {h.subject: h.data["nvml_index"] for h in told}
    assert {f"{NODE}/gpu-2": 0, f"{NODE}/gpu-0": 1, f"{NODE}/gpu-1": 2} == index
    assert {"590.1"} == {h.data["driver"] for h in told}
    assert 1 == rig.library.initialised


def test_a_driver_that_takes_its_time_is_waited_for_without_holding_up_ticks(rig_of):
    """Initialising without persistence mode takes seconds; it is well again when it is back."""
    rig = rig_of()
    collector = rig.make(options=QUICK)
    rig.sample()
    rig.library.unload()
    rig.library.init_s = 2.0
    rig.library.load()
    rig.sample()
    began_s = time.monotonic()
    assert [False] * 3 == heard(rig.sample())
    assert time.monotonic() - began_s < 1.5
    until(rig, lambda v: all(heard(v)), "the driver")
    assert collector.health()[0].ok


def test_a_driver_that_comes_back_with_other_gpus_changes_the_devices(rig_of):
    """Who is missing is told as lost; the next collector has those that are there, under their own ids."""
    rig = rig_of()
    collector = rig.make()
    rig.sample()
    rig.library.unload()
    rig.sample()
    rig.library.load(order=[0, 2])
    with pytest.raises(DevicesChanged, match="2 GPUs"):
        until(rig, lambda _: False, "the change")
    assert [("gpu_lost", f"{NODE}/gpu-1")] == kinds(collector)
    collector.close()
    assert (f"{NODE}/gpu-0", f"{NODE}/gpu-2") == rig.make().devices[Kind.GPU]


def test_a_reload_waits_for_a_call_that_hangs_in_the_old_driver(rig_of):
    """NVML counts its initialisations, so that one which is never shut down would keep the old one."""
    rig = rig_of()
    collector = rig.make(options=QUICK)
    rig.sample()
    rig.library.block(1, 60.0)
    rig.sample()
    rig.library.unload()
    rig.library.load()
    rig.sample()
    rig.sample()
    assert "has not returned" in collector.health()[0].text
    rig.library.unblock(1)
    until(rig, lambda v: all(heard(v)), "the driver", within_s=20)


def test_a_renumbering_after_a_loss_renames_nobody(rig_of):
    """NVML counts those that are left; ids follow the UUIDs that were seen before."""
    rig = rig_of(gpus=4)
    rig.make().close()
    rig.library.order = [0, 2, 3]
    collector = rig.make()
    expected = tuple(f"{NODE}/gpu-{n}" for n in (0, 2, 3))
    assert expected == collector.devices[Kind.GPU]
    rig.library.gpus[3].faults.unsupported |= {185, "nvmlDeviceGetPowerUsage"}
    assert [True, True, False] == heard(rig.sample())


def test_an_inventory_says_which_gpu_is_which(rig_of):
    """By UUID or by serial, before what was remembered."""
    rig = rig_of(gpus=2)
    serial, uuid = "1650000000000", rig.library.gpus[1].uuid
    listed = {serial: "rack-0/node-0/gpu-7", uuid: "rack-0/node-0/gpu-0"}
    collector = rig.make(listed=listed)
    assert ("rack-0/node-0/gpu-0", "rack-0/node-0/gpu-7") == collector.devices[Kind.GPU]
    assert "rack-0/node-0/gpu-0" == {g.uuid: g.id for g in collector.named}[uuid]


def test_a_gpu_in_mig_mode_is_read_as_a_whole(rig_of):
    """Utilisation is absent while it is in it, and comes back after; both are facts."""
    rig = rig_of(gpus=1)
    rig.library.gpus[0].faults.mig = True
    collector = rig.make()
    values = rig.sample()
    assert (True, True) == (heard(values) == [True], bool(np.isnan(values[UTIL, 0])))
    rig.library.gpus[0].faults.mig = False
    for _ in range(61):
        values = rig.sample()
    assert np.isfinite(values[UTIL, 0])
    assert [True, False] == [h.data["mig"] for h in collector.happenings()]


def test_without_a_driver_it_says_what_to_do(rig_of):
    """A machine without one, and one whose driver sees no GPU."""
    rig = rig_of(gpus=1)
    rig.library.loaded = False
    with pytest.raises(NoDriver, match="driver is not loaded; load it"):
        rig.make()
    rig.library.load(order=[])
    with pytest.raises(NoDriver, match="sees no GPU"):
        rig.make()
    assert 0 == rig.library.initialised


def test_without_the_library_it_says_so():
    """As on a machine without a GPU, where nothing stands in."""
    with pytest.raises(NoDriver, match=r"libnvidia-ml\.so\.1 is not to be found"):
        NvmlCollector(NODE, "rack-0")


def test_a_gpu_that_is_lost_at_the_start_is_left_out(rig_of, caplog):
    """And warned of; the others are there, under their own ids."""
    rig = rig_of()
    rig.library.lose(0)
    with caplog.at_level(logging.WARNING):
        collector = rig.make()
    assert (f"{NODE}/gpu-1", f"{NODE}/gpu-2") == collector.devices[Kind.GPU]
    assert "GPU 0 cannot be reached and is left out" in caplog.text
    assert 1 == collector.health()[0].counts["gpus_left_out"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"gpus": {"a": 0, "b": 0}}', '{"gpus": {"a": "x"}}', "[]"]
)
def test_a_corrupt_memory_of_numbers_is_warned_of_and_made_anew(rig_of, caplog, text):
    """As NVML has them."""
    rig = rig_of(gpus=2)
    rig.state_dir.mkdir()
    (rig.state_dir / "gpus.json").write_text(text)
    with caplog.at_level(logging.WARNING):
        collector = rig.make()
    assert (f"{NODE}/gpu-0", f"{NODE}/gpu-1") == collector.devices[Kind.GPU]
    assert "numbered anew" in caplog.text
    kept = json.loads((rig.state_dir / "gpus.json").read_text())["gpus"]
    assert {g.uuid: g.number for g in rig.library.gpus} == kept


def test_a_memory_that_cannot_be_written_is_only_warned_of(rig_of, caplog):
    """The folder's name belongs to a file."""
    rig = rig_of(gpus=1)
    rig.state_dir.write_text("")
    with caplog.at_level(logging.WARNING):
        rig.make()
    assert "not written" in caplog.text
    assert [True] == heard(rig.sample())
