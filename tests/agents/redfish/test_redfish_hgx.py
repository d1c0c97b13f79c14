"""A node's own controller: GPUs found by what they are, its power and air, and its leak detectors."""

import numpy as np
import pytest
from agents.redfish.services import Clock

from coldplate.agents.collectors.redfish_hgx import RedfishHgxCollector
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.hgx import REPORT, GpuIdentity, air_inlet_c
from coldplate.twin.redfish_mock import ROOT, Service, serve
from coldplate.wire.metric import CATALOGUE, Kind

NODE = "rack-0003/node-5"
BASEBOARD = f"{ROOT}/Systems/HGX_Baseboard_0"
CHASSIS = f"{ROOT}/Chassis/1U"
# GPU 0 of the driver is module 4 of the baseboard, as on a real H200 machine.
MODULES = (4, 2, 1, 3)
GPUS = tuple(
    GpuIdentity(f"{NODE}/gpu-{i}", f"GPU-{m:08X}-aaaa-bbbb-cccc-dddddddddddd", f"16500{m}")
    for i, m in enumerate(MODULES)
)


def link(path):
    return {"@odata.id": path}


def sensor(number, name, value, **more):
    path = f"{ROOT}/Chassis/HGX_GPU_SXM_{number}/Sensors/HGX_GPU_SXM_{number}_{name}"
    return {"MetricProperty": path, "MetricValue": value, **more}


def tree(*, report=True, known=("UUID", "SerialNumber")):
    """An HGX machine with four GPUs: the host's system and chassis, the baseboard's beside them."""
    docs = {
        ROOT: {"Systems": link(f"{ROOT}/Systems")},
        f"{ROOT}/Systems": {"Members": [link(f"{ROOT}/Systems/1"), link(BASEBOARD)]},
        f"{ROOT}/Systems/1": {"@odata.id": f"{ROOT}/Systems/1", "Id": "1", "Manufacturer": "Supermicro",
            "Model": "SYS-421GE", "SerialNumber": "S1", "BiosVersion": "2.1",
            "Processors": link(f"{ROOT}/Systems/1/Processors"), "Links": {"Chassis": [link(CHASSIS)]}},
        f"{ROOT}/Systems/1/Processors": {"Members": []},
        BASEBOARD: {"@odata.id": BASEBOARD, "Id": "HGX_Baseboard_0", "Processors": link(f"{BASEBOARD}/Processors"),
            "Memory": link(f"{BASEBOARD}/Memory"), "Links": {"Chassis": [link(f"{ROOT}/Chassis/HGX_Chassis_0")]}},
        f"{BASEBOARD}/Processors": {"Members": [link(f"{BASEBOARD}/Processors/GPU_SXM_{m}") for m in range(1, 5)]},
        f"{BASEBOARD}/Memory": {"Members": [link(f"{BASEBOARD}/Memory/GPU_SXM_{m}_DRAM_0") for m in range(1, 5)]},
        CHASSIS: {"@odata.id": CHASSIS, "Id": "1U", "EnvironmentMetrics": link(f"{CHASSIS}/EnvironmentMetrics"),
            "ThermalSubsystem": link(f"{CHASSIS}/ThermalSubsystem")},
        f"{CHASSIS}/EnvironmentMetrics": {"PowerWatts": {"Reading": 8123.0}},
        f"{CHASSIS}/ThermalSubsystem": {"ThermalMetrics": link(f"{CHASSIS}/ThermalSubsystem/ThermalMetrics"),
            "LeakDetection": link(f"{CHASSIS}/ThermalSubsystem/LeakDetection")},
        f"{CHASSIS}/ThermalSubsystem/ThermalMetrics": {"TemperatureSummaryCelsius": {"Intake": {"Reading": 23.5}}},
        f"{CHASSIS}/ThermalSubsystem/LeakDetection": {"LeakDetectorGroups": [
            {"Detectors": [{"DeviceName": "tray", "DetectorState": "OK"}]}]},
    }  # fmt: skip
    for m in range(1, 5):
        path, ram = f"{BASEBOARD}/Processors/GPU_SXM_{m}", f"{BASEBOARD}/Memory/GPU_SXM_{m}_DRAM_0"
        ids = {"UUID": f"{m:08x}-aaaa-bbbb-cccc-dddddddddddd", "SerialNumber": f"16500{m}"}
        docs[path] = {"@odata.id": path, "Id": f"GPU_SXM_{m}", "ProcessorType": "GPU",
            "EnvironmentMetrics": link(f"{path}/EnvironmentMetrics"), **{k: ids[k] for k in known}}  # fmt: skip
        docs[f"{path}/EnvironmentMetrics"] = {"TemperatureCelsius": {"Reading": 50.0 + m}, "PowerWatts": {"Reading": 600.0 + m},
            "EnergyJoules": {"Reading": 1e6 * m}}  # fmt: skip
        docs[ram] = {"@odata.id": ram, "Id": f"GPU_SXM_{m}_DRAM_0", "EnvironmentMetrics": link(f"{ram}/EnvironmentMetrics")}  # fmt: skip
        docs[f"{ram}/EnvironmentMetrics"] = {"TemperatureCelsius": {"Reading": 60.0 + m}}
    if report:
        docs[REPORT] = {"MetricValues": [
            v for m in range(1, 5) for v in (
                sensor(m, "TEMP_0", f"{50 + m}.0"), sensor(m, "DRAM_0_Temp_0", f"{60 + m}.0"), sensor(m, "TEMP_1", "33"),
                sensor(m, "Power_0", f"{600 + m}.0"), sensor(m, "Energy_0", f"{m}000000.0"))]}  # fmt: skip
    return docs


@pytest.fixture
def read():
    """Reads a tree for some ticks: the last value of each metric by device, and the collector."""
    made = []

    def go(docs, ticks=6, gpus=GPUS, **options):
        service = Service({"": lambda: docs})
        served = serve(service)
        address = served.__enter__()
        collector = RedfishHgxCollector(
            NODE, "rack-0003", gpus, Redfish(url=f"http://{address}", budget_s=5.0, **options), clock=Clock(),
        )  # fmt: skip
        made.append((served, collector, service))
        return told(collector, ticks), collector

    yield go
    for served, collector, service in made:
        collector.close()
        served.__exit__(None, None, None)
        assert service.in_flight_max <= 1


def told(collector, ticks, first=1):
    out = {}
    for t in range(first, first + ticks):
        for kind, values in collector.sample(1000 * t).items():
            for m in CATALOGUE[kind]:
                for device, value in zip(collector.devices[kind], values[m.number], strict=True):
                    if np.isfinite(value):
                        out[device, m.name] = float(value)
    return out


@pytest.mark.parametrize("report", [True, False])
@pytest.mark.parametrize("known", [("UUID",), ("SerialNumber",), ("UUID", "SerialNumber")])
def test_gpus_are_found_by_uuid_or_serial_never_by_number(read, report, known):
    """GPU 0 of the driver is module 4 of the baseboard; from the one report, and from each GPU's own metrics."""
    values, _ = read(tree(report=report, known=known))
    for i, m in enumerate(MODULES):
        gpu = f"{NODE}/gpu-{i}"
        expected = (50.0 + m, 60.0 + m, 600.0 + m)
        assert expected == tuple(values[gpu, n] for n in ("gpu_c", "hbm_c", "power_instant_w"))
        assert (gpu, "energy_j") not in values


def test_gpus_may_be_named_by_hand(read):
    """Where neither UUID nor serial number tells."""
    modules = {f"gpu-{i}": f"GPU_SXM_{m}" for i, m in enumerate(MODULES)}
    values, _ = read(tree(known=()), modules=modules)
    assert [54.0, 52.0, 51.0, 53.0] == [values[f"{NODE}/gpu-{i}", "gpu_c"] for i in range(4)]


def test_gpus_that_nothing_names_are_absent(read, caplog):
    """And it is said what to set; the node's own values come all the same."""
    values, _ = read(tree(known=()))
    assert {(NODE, "node_power_w"), (NODE, "air_inlet_c")} == set(values)
    assert "redfish.modules" in caplog.text


def test_energy_is_given_when_asked_for(read):
    """Its zero is another than the driver's, so not otherwise."""
    values, _ = read(tree(), energy=True)
    assert 4e6 == values[f"{NODE}/gpu-0", "energy_j"]


def test_a_stale_value_of_the_report_is_absent(read):
    """The controller marks what it has not read lately; words instead of numbers are absent too."""
    docs = tree()
    docs[REPORT]["MetricValues"] = [
        sensor(4, "TEMP_0", "54", Oem={"Nvidia": {"MetricValueStale": True}}),
        sensor(4, "Power_0", "nan"),
        sensor(2, "TEMP_0", "broken"),
        sensor(1, "TEMP_0", "51"),
        {"MetricProperty": None, "MetricValue": 7},
    ]
    values, _ = read(docs)
    assert {(f"{NODE}/gpu-2", "gpu_c"): 51.0} == {k: v for k, v in values.items() if k[0] != NODE}


def test_the_node_tells_power_air_and_what_it_is(read):
    """From the chassis of the host, not from one of the baseboard's parts."""
    values, collector = read(tree(), gpus=())
    assert {(NODE, "node_power_w"): 8123.0, (NODE, "air_inlet_c"): 23.5} == values
    (facts,) = collector.happenings()
    assert ("facts", NODE, "SYS-421GE") == (facts.kind, facts.subject, facts.data["model"])
    assert {Kind.NODE: (NODE,)} == collector.devices
    assert "redfish Chassis/1U/EnvironmentMetrics PowerWatts" == collector.origins()[NODE]["node_power_w"].source  # fmt: skip


def test_a_leak_in_the_tray_is_told(read):
    """As the node's, with the detector's name."""
    docs = tree()
    _, collector = read(docs)
    collector.happenings()
    detectors = docs[f"{CHASSIS}/ThermalSubsystem/LeakDetection"]["LeakDetectorGroups"][0][
        "Detectors"
    ]
    detectors[0]["DetectorState"] = "Warning"
    told(collector, 3, 10)
    (leak,) = collector.happenings()
    assert ("leak", NODE, "tray: Warning") == (leak.kind, leak.subject, leak.text)


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        ({"TemperatureSummaryCelsius": {"Intake": {"Reading": 20.0}, "Ambient": {"Reading": 30.0}}}, 20.0),
        ({"TemperatureReadingsCelsius": [{"PhysicalContext": "Exhaust", "Reading": 40.0},
                                         {"PhysicalContext": "Intake", "Reading": 21.0}]}, 21.0),
        ({"TemperatureSummaryCelsius": {"Ambient": {"Reading": 22.0}}}, 22.0),
    ],
)  # fmt: skip
def test_the_air_is_that_of_the_intake(doc, expected):
    """Or what the service calls ambient, when there is no other."""
    assert expected == air_inlet_c(doc)
