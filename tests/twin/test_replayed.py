"""A recording as a collector: the same values at the same distances in time, and nothing where nothing was."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from msgspec.structs import replace

from coldplate.twin.record import record
from coldplate.twin.recorder import Recorder, from_ms
from coldplate.twin.recording import Header, Recording, RecordingError
from coldplate.twin.replayed import ReplayedCollector
from coldplate.twin.scenario import load
from coldplate.wire.inventory import Inventory, generate
from coldplate.wire.metric import CATALOGUE, Kind, metric

T0, NOW = 1_790_000_000_000, 1_800_000_000_000
POWER = metric(Kind.GPU, "power_w").number
DEMO = load("demo")
XID = replace(DEMO.faults[1], subject="rack-0000/node-1/gpu-1", at_s=4.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small racks, ten seconds."""
    scenario = replace(DEMO, racks=2, nodes=2, gpus=2, faults=(XID,))
    out = tmp_path_factory.mktemp("replayed") / "r"
    record(scenario, out, name="small", start_ms=T0, seconds=10)
    return out


def every_2_s(folder, inventory, seconds=(0, 2, 4)):
    """A recording of GPUs alone, their power the second and their place."""
    ids = tuple(d.id for d in inventory.of_kind("gpu"))
    collector = SimpleNamespace(devices={Kind.GPU: ids}, conditions=lambda: None)
    header = Header("x", "external", from_ms(T0), 2.0)
    with Recorder(folder, header, inventory, collector) as out:
        for s in seconds:
            values = np.full((len(CATALOGUE[Kind.GPU]), len(ids)), np.nan)
            values[POWER] = 100 * s + np.arange(len(ids))
            out.add(T0 + 1000 * s, {Kind.GPU: values})
    return folder


def test_a_replay_is_the_recording_at_another_time(folder):
    """Kind by kind and tick by tick, also with ticks left out."""
    recorded = list(Recording(folder).ticks())
    collector = ReplayedCollector(folder)
    assert 10.0 == collector.length_s
    for i in (0, 1, 2, 6, 9):
        assert not collector.over
        for kind, values in collector.sample(NOW + 1000 * i).items():
            np.testing.assert_array_equal(recorded[i].samples[kind], values)
    assert collector.over


def test_after_the_end_everything_is_absent(folder):
    """The last value is not told for ever."""
    collector = ReplayedCollector(folder)
    collector.sample(NOW)
    for values in collector.sample(NOW + 10_000).values():
        assert np.isnan(values).all()


def test_events_come_when_they_came(folder):
    """At the same distance from the start, with the driver's words, once."""
    collector = ReplayedCollector(folder)
    collector.sample(NOW)
    collector.sample(NOW + 3000)
    assert [] == collector.happenings()
    collector.sample(NOW + 6000)
    (xid,) = collector.happenings()
    assert ("xid", XID.subject, NOW + 4000, 31) == (xid.kind, xid.subject, xid.t_ms, xid.code)
    assert XID.text == xid.text
    assert [] == collector.happenings()


def test_it_sends_under_the_names_of_the_hall(folder):
    """Nodes with their GPUs, CDUs with their rack, each device once."""
    collector = ReplayedCollector(folder)
    found = {
        s.name: [collector.devices[k][i] for k, span in s.devices.items() for i in span]
        for s in collector.sources
    }
    names = [f"rack-000{r}/{d}" for r in (0, 1) for d in ("node-0", "node-1", "cdu")]
    assert sorted([*names, "hall/plant"]) == sorted(found)
    assert ["rack-0001/node-1/gpu-0", "rack-0001/node-1/gpu-1", "rack-0001/node-1"] == found["rack-0001/node-1"]  # fmt: skip
    assert ["rack-0001/cdu", "rack-0001"] == found["rack-0001/cdu"]


def test_a_tick_between_two_recorded_has_the_earlier(tmp_path):
    """For one tick of the recording; a longer hole is absent."""
    collector = ReplayedCollector(every_2_s(tmp_path / "r", generate(1, 1, 1), (0, 2, 6)))
    told = [collector.sample(NOW + 1000 * s)[Kind.GPU][POWER, 0] for s in range(8)]
    np.testing.assert_array_equal([0, 0, 200, 200, np.nan, np.nan, 600, 600], told)


def test_the_order_of_the_inventory_does_not_matter(tmp_path):
    """Devices of a node lie side by side whatever stands between them there."""
    devices = list(generate(1, 2, 2))
    gpus = [d for d in devices if d.kind == "gpu"]
    mixed = Inventory([d for d in devices if d.kind != "gpu"] + [gpus[i] for i in (2, 0, 3, 1)])
    collector = ReplayedCollector(every_2_s(tmp_path / "r", mixed))
    values = collector.sample(NOW)[Kind.GPU][POWER]
    for source in collector.sources:
        span = source.devices[Kind.GPU]
        ids = collector.devices[Kind.GPU][span.start : span.stop]
        assert {source.name} == {d.rpartition("/")[0] for d in ids}
    place = {d.id: i for i, d in enumerate(mixed.of_kind("gpu"))}
    assert [place[d] for d in collector.devices[Kind.GPU]] == list(values)


def test_what_is_no_recording_is_refused(tmp_path):
    """As a reader would."""
    with pytest.raises(RecordingError, match=r"recording\.toml"):
        ReplayedCollector(tmp_path)


def test_times_without_a_zone_are_utc(folder):
    """A header written by hand may leave it out."""
    assert T0 == round(Recording(folder).header.start.timestamp() * 1000)
    assert datetime(2026, 9, 21, tzinfo=UTC).date() == Recording(folder).header.start.date()
