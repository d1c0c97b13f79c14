"""A worse cold plate put into a recording, and found in it."""

from pathlib import Path

import numpy as np
import pytest
from frames import record_bytes

from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.streams.detectors.hbm import HbmHotSpot
from coldplate.streams.detectors.leakage import LeakageRise
from coldplate.streams.detectors.thermal_path import ThermalPath
from coldplate.streams.engine import Engine
from coldplate.streams.evaluate.inject import Injection, Injector
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind, metric

H200 = Path(__file__).parents[2] / "recordings/h200"
T0, SECONDS, ONSET = 1_800_000_000, 300, 150
COPIES = 64
IDS = [f"rack-{i:04d}/node-0/gpu-0" for i in range(COPIES)]
ROW = {name: metric(Kind.GPU, name).number for name in ("gpu_c", "hbm_c", "margin_c", "power_w", "power_instant_w")}  # fmt: skip


def gpus(count, **values):
    out = np.full((len(CATALOGUE[Kind.GPU]), count), np.nan)
    for name, value in values.items():
        out[metric(Kind.GPU, name).number] = value
    return out


def test_a_rise_over_the_supply_becomes_so_much_larger():
    """60 degC over 30 become 69, the margin as much smaller, the other GPU as ever; before its second nothing is."""
    made = Injector(Injection.parse("cold-plate:1.3@180:b"), ["a", "b"])
    was = gpus(2, gpu_c=60.0, margin_c=27.0, hbm_c=50.0, power_w=700.0)
    assert was is made.apply(179.0, was, 30.0)
    now = made.apply(190.0, was, 30.0)
    assert [60.0, 69.0] == now[ROW["gpu_c"]].tolist()
    assert [27.0, 18.0] == now[ROW["margin_c"]].tolist()
    assert [50.0, 56.0] == now[ROW["hbm_c"]].tolist()
    assert [60.0, 60.0] == was[ROW["gpu_c"]].tolist()


def test_it_comes_with_the_fast_lags():
    """At its second nothing, after one 5 K of 9, after five all."""
    made = Injector(Injection(1.3, 10.0), ["a"])
    was = gpus(1, gpu_c=60.0, power_w=700.0)
    rises = [made.apply(10.0 + s, was, 30.0)[ROW["gpu_c"], 0] - 60.0 for s in (0.0, 0.2, 1.0, 6.0)]
    assert [0.0, 4.0, 8.0, 9.0] == rises


def test_without_a_supply_the_unpowered_temperature_is_fitted():
    """Two loads before the onset: 35 degC plus 0.04 K/W."""
    made = Injector(Injection(1.5, 100.0), ["a"])
    for t in range(100):
        power = 100.0 if t // 20 % 2 else 600.0
        made.apply(float(t), gpus(1, power_w=power, gpu_c=35.0 + 0.04 * power))
    now = made.apply(110.0, gpus(1, power_w=500.0, gpu_c=55.0))
    assert 65.0 == now[ROW["gpu_c"], 0]


def test_its_label_names_gpu_onset_and_when_it_was_seen():
    """Visible from the first second at which a whole degree was added."""
    made = Injector(Injection(1.3, 10.0), ["a"])
    for t in (9.0, 10.0, 11.0):
        made.apply(t, gpus(1, gpu_c=60.0, power_w=700.0), 30.0)
    label = made.label(1_000)
    assert ("cold-plate-fouling", "a", 11_000, 12_000) == (
        label.kind, label.cause, label.onset_ms, label.visible_ms,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "pump:1.3@180", "cold-plate:1.3", "cold-plate:0.9@10", "cold-plate:11@10", "cold-plate:1.3.1@2"]
)  # fmt: skip
def test_what_is_no_fault_is_refused_with_what_is_expected(text):
    """Another form, or a factor out of range."""
    with pytest.raises(ValueError, match=r"inject .*(expected cold-plate|factor may be)"):
        Injection.parse(text)


def test_a_gpu_that_is_not_there_is_refused():
    """Named, so that a typing error is seen."""
    with pytest.raises(ValueError, match="'c' is no GPU of this recording"):
        Injector(Injection(1.3, 1.0, "c"), ["a", "b"])


def tickets(inject, seed=0):
    """What is said of 64 copies of the recorded H200, each at another place of it, alone in its rack."""
    random = np.random.default_rng(seed)
    collector = RecordedCollector(H200, "n", "r", gpus=COPIES)
    injectors = [Injector(Injection(1.3, ONSET, i), IDS) for i in IDS] if inject else []
    engine = Engine("test", detectors=[ThermalPath(), HbmHotSpot(), LeakageRise()])
    names, out = [m.name for m in CATALOGUE[Kind.GPU]], []
    for t in range(SECONDS):
        samples = collector.sample((T0 + t) * 1000)[Kind.GPU].copy()
        samples[[ROW["power_w"], ROW["power_instant_w"]]] += random.normal(0.0, 2.0, (2, COPIES))
        for name in ("gpu_c", "hbm_c"):
            read = np.rint(samples[ROW[name]] + random.normal(0.0, 0.3, COPIES))
            if name == "gpu_c":
                samples[ROW["margin_c"]] -= read - samples[ROW[name]]
            samples[ROW[name]] = read
        for injector in injectors:
            samples = injector.apply(float(t), samples)
        told = {n: samples[k] for k, n in enumerate(names) if np.isfinite(samples[k]).all()}
        frames = [
            decode_frame(record_bytes(i, i.split("/")[0], T0 + t, 1, {
                Kind.GPU: ((i,), {n: v[k] for n, v in told.items()})
            }, seq=t)) for k, i in enumerate(IDS)
        ]  # fmt: skip
        out += [a for a in engine.feed(frames, 0) if a.on]
    assert not engine.failed
    return out


def test_a_third_more_resistance_is_found_in_a_real_gpus_load():
    """R times 1.3 in the middle of five minutes: 58 of 64 runs at least, wherever in the recording they began."""
    found = {
        a.subject for a in tickets(inject=True) if a.t_ms >= (T0 + ONSET) * 1000 and "thermal-path" == a.detector
    }  # fmt: skip
    assert len(found) >= 58


def test_a_healthy_real_gpu_is_never_named():
    """The same without a fault: idle, matrix products, steps, copies, zeros, in any order."""
    assert [] == tickets(inject=False)
