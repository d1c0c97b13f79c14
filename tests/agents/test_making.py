"""Collectors that come late, fail, hang, or change."""

import threading
from contextlib import closing

import numpy as np
import pytest
from waiting import await_that

from coldplate.agents.collector import Source
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.making import Roster
from coldplate.wire.metric import CATALOGUE, Kind

NODE = "rack-0003/node-5"


class Plain:
    """One device of a kind, all values 1."""

    def __init__(self, kind, device):
        self.devices = {kind: (device,)}
        self.sources = (Source(NODE, "rack-0003", {kind: range(1)}),)
        self.closed = 0
        self.fault = None

    def sample(self, tick_ms):
        if self.fault is not None:
            raise self.fault
        ((kind, _),) = self.devices.items()
        return {kind: np.ones((len(CATALOGUE[kind]), 1))}

    def conditions(self):
        return None

    def happenings(self):
        return []

    def health(self):
        return ()

    def origins(self):
        return {}

    def close(self):
        self.closed += 1


def node():
    return Plain(Kind.NODE, NODE)


def gpu():
    return Plain(Kind.GPU, f"{NODE}/gpu-0")


class Driver:
    """Makes a GPU collector once it is loaded."""

    def __init__(self):
        self.loaded = threading.Event()
        self.made = []

    def make(self):
        if not self.loaded.is_set():
            raise RuntimeError("driver not loaded; load the nvidia kernel module")
        self.made.append(gpu())
        return self.made[-1]


@pytest.fixture
def roster():
    """Rosters that try again at once; closed at the end."""
    made = []

    def start(on_change=lambda: None, after=None, **wanted):
        made.append(Roster(wanted, on_change, after=after, retry_s=0.01))
        made[-1].wait(5)
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_what_cannot_be_made_keeps_nobody_waiting(roster):
    """The rest is there, and it is said who is missing and why."""
    crew = roster(nvml=Driver().make, host=node)
    with closing(crew.gather(deadline_s=1)) as gathered:
        assert {Kind.NODE: (NODE,)} == gathered.devices
    assert {"nvml": "driver not loaded; load the nvidia kernel module"} == crew.missing()


def test_it_joins_when_it_appears(roster):
    """The agent is told once; the collectors that were there stay the same."""
    driver, changed, host = Driver(), threading.Event(), node()
    crew = roster(changed.set, nvml=driver.make, host=lambda: host)
    crew.gather(deadline_s=1).close()
    driver.loaded.set()
    assert changed.wait(5)
    crew.release()
    with closing(crew.gather(deadline_s=1)) as gathered:
        assert {Kind.NODE, Kind.GPU} == set(gathered.devices)
    assert ({}, 0) == (crew.missing(), host.closed)


def test_a_reason_is_logged_once(roster, caplog):
    """However often it is tried."""
    tries = []

    def never():
        tries.append(1)
        raise RuntimeError("no")

    roster(nvml=never)
    await_that(lambda: len(tries) > 5, 5, "some tries")
    assert ["nvml: no"] == [record.getMessage() for record in caplog.records]


def test_who_has_other_devices_is_made_anew_alone(roster):
    """The collector that raised is closed and replaced, its neighbour lives on."""
    driver, host = Driver(), node()
    driver.loaded.set()
    crew = roster(nvml=driver.make, host=lambda: host)
    with closing(crew.gather(deadline_s=1)) as gathered:
        driver.made[0].fault = DevicesChanged("7 GPUs instead of 8")
        with pytest.raises(DevicesChanged, match="7 GPUs"):
            gathered.sample(0)
    crew.release()
    crew.wait(5)
    assert (2, 1, 0) == (len(driver.made), driver.made[0].closed, host.closed)


def test_who_is_made_for_anothers_devices_is_made_anew_with_it(roster):
    """Jobs of GPUs that were not there at the start, and again when they are others."""
    driver, jobs, changed = Driver(), [], threading.Event()

    def make():
        jobs.append(node())
        return jobs[-1]

    crew = roster(changed.set, {"jobs": "nvml"}, nvml=driver.make, jobs=make)
    crew.gather(deadline_s=1).close()
    driver.loaded.set()
    assert changed.wait(5)
    crew.release()
    crew.wait(5)
    assert [1, 0] == [one.closed for one in jobs]
    with closing(crew.gather(deadline_s=1)) as gathered:
        driver.made[0].fault = DevicesChanged("others")
        with pytest.raises(DevicesChanged):
            gathered.sample(0)
    crew.release()
    crew.wait(5)
    assert [1, 1, 0] == [one.closed for one in jobs]


def test_who_hangs_is_left_behind_and_made_anew(roster):
    """A collector inside a call cannot be closed, and must not be asked by two."""
    driver, inside, go_on = Driver(), threading.Event(), threading.Event()
    driver.loaded.set()
    crew = roster(nvml=driver.make)

    def hang(_tick_ms):
        inside.set()
        go_on.wait(10)
        return {Kind.GPU: np.ones((len(CATALOGUE[Kind.GPU]), 1))}

    driver.made[0].sample = hang
    gathered = crew.gather(deadline_s=0.05)
    gathered.sample(0)
    assert inside.is_set()
    gathered.close()
    crew.release()
    crew.wait(5)
    go_on.set()
    assert (2, 0) == (len(driver.made), driver.made[0].closed)


def test_closing_while_one_is_being_made_closes_it_when_it_comes(roster):
    """Nothing that holds a driver is left."""
    begun, go_on, late = threading.Event(), threading.Event(), gpu()

    def slow():
        begun.set()
        go_on.wait(10)
        return late

    crew = Roster({"nvml": slow}, lambda: None)
    assert begun.wait(5)
    crew.wait(0.01)
    crew.close()
    go_on.set()
    await_that(lambda: late.closed, 5, "the collector to be closed")
