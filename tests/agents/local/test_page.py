"""The page of metrics as Prometheus' own parsers read it."""

import math

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from coldplate.agents.local.exposition import Family, render
from coldplate.agents.local.page import families

HOSTNAME = ("Hostname", "gpu-node-5")
GPU = {
    "power_w": 691.25, "gpu_util_ratio": 0.99, "mem_util_ratio": 0.07, "mem_used_bytes": 3 * 2**20,
    "energy_j": 2230.415, "power_violation_s_total": 1.5, "sm_clock_mhz": 1980.0,
    "swing_hz": 0.67, "ecc_corrected_total": 4.0,
}  # fmt: skip


def page(scene, *, openmetrics=False, hostname=HOSTNAME):
    return render(families(scene.status, hostname), openmetrics=openmetrics)


def samples(scene):
    """By name, of the text format: (labels, value)."""
    text = page(scene)
    out = {}
    for family in parse_text(text):
        for sample in family.samples:
            # The parser puts `_total` to every counter, though this format does not ask for it.
            bare = sample.name.removesuffix("_total")
            name = bare if f"# TYPE {bare} counter" in text else sample.name
            out.setdefault(name, []).append((sample.labels, sample.value))
    return out


@pytest.fixture
def told(scene):
    """One GPU with everything, another without a power reading."""
    facts = {"uuid": "GPU-1", "pci_bus": "0000:c7:00", "name": "NVIDIA H200"}
    scene.hear("facts", 0, data=facts)
    scene.status.owners = lambda: {
        "rack-0003/node-5/gpu-0": {"pod": "train-0", "namespace": "ml", "container": "main"}
    }
    gpu = {(name, 0): value for name, value in GPU.items()} | {("sm_clock_mhz", 1): 345.0}
    scene.tick(1, gpu, {"cpu_c": 60.0})
    return scene


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("DCGM_FI_DEV_POWER_USAGE", 691.25),
        ("DCGM_FI_DEV_GPU_UTIL", 99),
        ("DCGM_FI_DEV_MEM_COPY_UTIL", 7),
        ("DCGM_FI_DEV_FB_USED", 3),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", 2230415),
        ("DCGM_FI_DEV_POWER_VIOLATION", 1_500_000_000),
        ("DCGM_FI_DEV_SM_CLOCK", 1980),
    ],
)
def test_what_dcgm_knows_has_its_name_and_unit(told, field, expected):
    """Percent, MiB, mJ and ns, as dcgm-exporter's counters are described."""
    assert expected == samples(told)[field][0][1]


def test_the_labels_of_a_gpu_are_those_of_dcgm_exporter(told):
    """In its order, with the pod's where one owns the GPU, so that dashboards made for it work."""
    line = next(x for x in page(told).splitlines() if x.startswith("DCGM_FI_DEV_POWER_USAGE{"))
    assert (
        'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1",pci_bus_id="00000000:C7:00.0",device="nvidia0",'
        'modelName="NVIDIA H200",Hostname="gpu-node-5",pod="train-0",namespace="ml",container="main"} 691.25'
    ) == line
    other = samples(told)["DCGM_FI_DEV_SM_CLOCK"][1][0]
    assert ("1", "", False) == (other["gpu"], other["UUID"], "pod" in other)


def test_the_label_of_the_machine_has_the_name_that_is_chosen(told):
    """Newer exporters write it small."""
    assert 'hostname="h"' in page(told, hostname=("hostname", "h"))
    assert "Hostname" not in page(told, hostname=("hostname", "h"))


def test_other_metrics_have_the_catalogues_names(told):
    """With our id beside the labels that a join needs."""
    (labels, value) = samples(told)["coldplate_swing_hz"][0]
    assert ("rack-0003/node-5/gpu-0", "GPU-1", 0.67) == (labels["id"], labels["UUID"], value)
    (labels, value) = samples(told)["coldplate_cpu_c"][0]
    assert ({"id": "rack-0003/node-5", "Hostname": "gpu-node-5"}, 60.0) == (labels, value)


def test_what_is_not_fresh_is_not_there(told):
    """A GPU without a power reading has no such line, and no value is repeated at the next tick."""
    assert 1 == len(samples(told)["DCGM_FI_DEV_POWER_USAGE"])
    told.tick(2, {("sm_clock_mhz", 0): 1980.0})
    assert "DCGM_FI_DEV_POWER_USAGE" not in samples(told)


def test_an_xid_is_shown_once_there_was_one(told):
    """As dcgm-exporter does: the last one's number."""
    assert "DCGM_FI_DEV_XID_ERRORS" not in samples(told)
    told.hear("xid", 1, code=79)
    told.tick(2, {("sm_clock_mhz", 0): 1980.0})
    ((labels, value),) = samples(told)["DCGM_FI_DEV_XID_ERRORS"]
    assert ("1", 79) == (labels["gpu"], value)


def test_each_collector_tells_how_it_is_doing(told):
    """Duration, success, last success and failures by reason; one that could not be made is not well."""
    told.well("nvml", duration_s=0.004, last_success_ms=1500, counts={"asked": 9, "timeout": 2})
    told.status.missing = {"redfish": "no route to host"}
    found = samples(told)
    success = {labels["collector"]: v for labels, v in found["coldplate_collector_success"]}
    assert {"nvml": 1, "redfish": 0} == success
    of_nvml = {"collector": "nvml"}
    assert [(of_nvml, 0.004)] == found["coldplate_collector_duration_seconds"]
    assert [(of_nvml, 1.5)] == found["coldplate_collector_last_success_timestamp_seconds"]
    failures = found["coldplate_collector_failures_total"]
    assert [({"collector": "nvml", "reason": "timeout"}, 2)] == failures


def test_a_collector_and_its_lane_are_one(told):
    """Both speak of it under one name, and a name stands once; it is well when both are."""
    told.well("kmsg", duration_s=0.001, counts={"asked": 9})
    told.well("kmsg", text="/dev/kmsg: not permitted", counts={"overruns": 1})
    found = samples(told)
    assert [({"collector": "kmsg"}, 0)] == found["coldplate_collector_success"]
    assert [({"collector": "kmsg"}, 9)] == found["coldplate_collector_asked_total"]
    assert [({"collector": "kmsg"}, 0.001)] == found["coldplate_collector_duration_seconds"]


def test_the_agents_own_counts_are_there(told):
    """Counters as counters, what waits as a gauge, drops by reason."""
    told.tick(2, node={"missed_ticks_total": 1.0})
    told.counts = {
        "boot": 1, "ticks": 5, "records_pending": 2, "records_dropped_queue_full": 3,
        "records_spool_bytes": 100,
    }  # fmt: skip
    found = samples(told)
    assert [({}, 5)] == found["coldplate_loop_ticks_total"]
    assert [({}, 2)] == found["coldplate_records_pending"]
    assert [({}, 100)] == found["coldplate_records_spool_bytes"]
    assert [({"reason": "queue_full"}, 3)] == found["coldplate_records_dropped_total"]
    assert "1.2.3" == found["coldplate_agent_info"][0][0]["version"]


@pytest.mark.parametrize("parse", [parse_text, parse_openmetrics])
def test_both_forms_are_what_their_parsers_accept(told, parse):
    """No family stands twice, and every metric has one type and a help text."""
    told.well("nvml", counts={"asked": 9})
    text = page(told, openmetrics=parse is parse_openmetrics)
    found = list(parse(text))
    names = [family.name for family in found]
    assert len(set(names)) == len(names)
    assert [] == [f.name for f in found if not f.documentation]
    declared = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(declared)) == len(declared)


def test_counters_of_dcgm_keep_their_names_in_openmetrics(told):
    """They do not end as counters must there, so they have no type; ours do."""
    text = page(told, openmetrics=True)
    assert "# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION unknown" in text
    assert "# TYPE coldplate_loop_ticks counter" in text
    assert text.endswith("# EOF\n")


def test_a_family_without_a_sample_leaves_nothing():
    """Neither its type nor its help text."""
    assert "" == render([Family("a", "gauge", "never")])


@pytest.mark.parametrize(
    "text", ['quote " back \\ newline \n end', "ünïcode", ""], ids=["escapes", "unicode", "empty"]
)
def test_any_text_survives_in_a_label(text):
    """A job's name is whatever its owner liked."""
    family = Family("a", "gauge", 'help with \\ and \n and "')
    family.add({"job": text}, 1.0)
    for parse, openmetrics in ((parse_text, False), (parse_openmetrics, True)):
        (found,) = parse(render([family], openmetrics=openmetrics))
        assert {"job": text} == found.samples[0].labels


@pytest.mark.parametrize("value", [0.0, -2.0, 1e-9, 123456.789, 2.0**60, math.inf, -math.inf])
def test_a_value_comes_back_as_it_was(value):
    """To the six digits that no sensor exceeds."""
    family = Family("a", "gauge", "h")
    family.add({}, value)
    family.add({"absent": "yes"}, math.nan)
    (found,) = parse_text(render([family]))
    assert [pytest.approx(value, abs=1e-6)] == [s.value for s in found.samples]
