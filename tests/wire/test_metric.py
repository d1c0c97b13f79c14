"""The catalogue keeps its own rules: units in names, permanent numbers, dtypes that the wire knows."""

import re

import numpy as np
import pytest

from coldplate.wire.layout import METRICS_MAX
from coldplate.wire.metric import CATALOGUE, DTYPE_CODES, KIND_WORDS, Kind, fast, metric

ALL = [m for metrics in CATALOGUE.values() for m in metrics]
each = pytest.mark.parametrize("entry", ALL, ids=lambda m: f"{m.kind.word}.{m.name}")

UNIT_OF_SUFFIX = {
    "w": "W", "j": "J", "c": "degC", "lpm": "l/min", "kpa": "kPa", "hz": "Hz", "mhz": "MHz",
    "rpm": "1/min", "bytes": "B", "s": "s", "l": "l", "ratio": "1",
}  # fmt: skip
# Masks, states and numbers of things have no unit to name.
WITHOUT_UNIT = {
    "clock_event_reasons", "pstate", "job", "remap_pending", "remap_failed", "recovery_action",
    "pcie_gen", "pcie_width", "leak", "pcie_gen_max", "pcie_width_max", "nvlink_active_links", "needs_reset",
    "clock_wrong", "coolant_ph",
}  # fmt: skip

# Names that recordings, columns and --json share with the world: never to be renamed.
FIXED = {
    Kind.GPU: "power_w power_instant_w power_min_w power_max_w power_std_w swing_hz swing_w energy_j "
    "gpu_c hbm_c margin_c sm_clock_mhz mem_clock_mhz clock_event_reasons gpu_util_ratio "
    "mem_util_ratio mem_used_bytes power_limit_w ecc_corrected_total ecc_uncorrected_total "
    "pcie_replay_total nvlink_errors_total job",
    Kind.CDU: "supply_c return_c flow_lpm supply_kpa return_kpa pump1_rpm pump2_rpm pump1_w pump2_w "
    "filter_kpa_delta valve_ratio reservoir_ratio makeup_l_total facility_supply_c "
    "facility_return_c facility_flow_lpm leak room_c dew_point_c",
    Kind.NODE: "node_power_w node_flow_lpm air_inlet_c",
    Kind.RACK: "rack_power_w feed_a_w feed_b_w",
    Kind.HALL: "hall_power_w facility_supply_c grid_hz",
}

# Number, dtype and scale as they first went out; a catalogue may only add behind these.
FIRST_GPU = """
0 power_w u2 0.1/1 power_instant_w u2 0.1/2 power_min_w u2 0.1/3 power_max_w u2 0.1/4 power_std_w u2 0.1
5 swing_hz u2 0.01/6 swing_w u2 0.1/7 gpu_c i2 0.1/8 hbm_c i2 0.1/9 margin_c i2 0.1/10 sm_clock_mhz u2 1
11 mem_clock_mhz u2 1/12 clock_event_reasons u4 1/13 gpu_util_ratio u1 0.01/14 mem_util_ratio u1 0.01
15 mem_used_bytes u4 1048576/16 pstate u1 1/17 job u4 1/18 energy_j u8 0.001/19 power_limit_w u2 0.1
20 ecc_corrected_total u8 1/21 ecc_uncorrected_total u4 1/22 remap_corrected_total u2 1
23 remap_uncorrected_total u2 1/24 remap_pending u1 1/25 remap_failed u1 1/26 recovery_action u1 1
27 pcie_gen u1 1/28 pcie_width u1 1/29 pcie_replay_total u4 1/30 pcie_tx_bytes_total u8 1
31 pcie_rx_bytes_total u8 1/32 nvlink_errors_total u4 1/33 nvlink_tx_bytes_total u8 1024
34 nvlink_rx_bytes_total u8 1024/35 power_violation_s_total u4 0.001/36 thermal_violation_s_total u4 0.001
37 hw_thermal_s_total u4 0.001/38 power_brake_s_total u4 0.001
"""


def unit_in_name(name: str) -> str:
    """The last part of a name that is not `total` or `delta`."""
    parts = [p for p in name.split("_") if p not in ("total", "delta")]
    return parts[-1]


@each
def test_a_name_ends_in_its_unit(entry):
    """A suffix says what the unit says; margins are kelvin but keep the `_c` of their fixed name."""
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", entry.name)
    suffix = unit_in_name(entry.name)
    if entry.name in WITHOUT_UNIT or (entry.counter and suffix not in UNIT_OF_SUFFIX):
        assert "1" == entry.unit
    elif entry.name.endswith("margin_c"):
        assert "K" == entry.unit
    elif entry.name.endswith("_us_cm"):
        assert "uS/cm" == entry.unit
    else:
        assert UNIT_OF_SUFFIX[suffix] == entry.unit


@each
def test_a_counter_says_so_in_its_name(entry):
    """What only grows ends in `_total` or is `energy_j`, and has a dtype that can count far."""
    grows = entry.name.endswith("_total") or entry.name == "energy_j"
    assert grows == entry.counter
    if grows:
        assert entry.dtype in {"u2", "u4", "u8", "f8"}


@each
def test_the_wire_form_can_hold_the_metric(entry):
    """The dtype is one the wire has, the scale positive, and a ratio reaches 1."""
    assert entry.dtype in DTYPE_CODES
    assert entry.scale > 0
    if entry.name.endswith("_ratio") and entry.dtype[0] != "f":
        assert np.iinfo(entry.dtype).max * entry.scale >= 1


@each
def test_an_entry_is_documented(entry):
    """Source and meaning are there, as clauses without a full stop."""
    for text in (entry.source, entry.help):
        assert text.strip() == text
        assert text
        assert not text.endswith(".")
    assert entry.rate in ("fast", "slow")


@each
def test_a_dcgm_name_is_one_of_its_device_fields(entry):
    """Only GPUs have them, in DCGM's own spelling."""
    if entry.dcgm is not None:
        assert entry.kind is Kind.GPU
        assert re.fullmatch(r"DCGM_FI_DEV_[A-Z0-9]+(_[A-Z0-9]+)*", entry.dcgm)


def test_a_dcgm_field_stands_for_one_metric():
    """No two metrics claim the same field."""
    names = [m.dcgm for m in ALL if m.dcgm]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("kind", Kind, ids=lambda k: k.word)
def test_numbers_are_places_in_the_catalogue(kind):
    """From 0, without a gap, each name once, and few enough for a bit each."""
    metrics = CATALOGUE[kind]
    assert list(range(len(metrics))) == [m.number for m in metrics]
    assert {kind} == {m.kind for m in metrics}
    assert len(metrics) == len({m.name for m in metrics}) <= METRICS_MAX


def test_numbers_never_change():
    """What once went out keeps number, dtype and scale; the other kinds keep the order of their names."""
    first = [e.split() for e in FIRST_GPU.strip().replace("\n", "/").split("/")]
    for number, name, dtype, scale in first:
        entry = CATALOGUE[Kind.GPU][int(number)]
        assert (name, dtype, float(scale)) == (entry.name, entry.dtype, entry.scale)
    for kind in (Kind.NODE, Kind.CDU, Kind.RACK, Kind.HALL):
        names = FIXED[kind].split()
        assert names == [m.name for m in CATALOGUE[kind][: len(names)]]


@pytest.mark.parametrize("kind", Kind, ids=lambda k: k.word)
def test_fixed_names_are_there(kind):
    """Recordings, frames, columns and `--json` can rely on them."""
    assert set(FIXED[kind].split()) <= {m.name for m in CATALOGUE[kind]}


def test_codes_on_the_wire_never_change():
    """Kinds and dtypes have the codes that other languages' readers know."""
    assert {"gpu": 1, "node": 2, "cdu": 3, "rack": 4, "hall": 5} == KIND_WORDS
    expected = {"u1": 1, "u2": 2, "u4": 3, "u8": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}
    assert expected == DTYPE_CODES


def test_a_metric_of_one_name_means_the_same_everywhere():
    """A name that two kinds have has one unit, dtype and resolution."""
    seen = {}
    for m in ALL:
        assert seen.setdefault(m.name, (m.unit, m.dtype, m.scale)) == (m.unit, m.dtype, m.scale)


def test_a_metric_is_found_by_name():
    """An unknown name is refused with those that there are."""
    assert CATALOGUE[Kind.CDU][2] is metric(Kind.CDU, "flow_lpm")
    with pytest.raises(KeyError, match=r"no rack metric is called 'flow_lpm'.*rack_power_w"):
        metric(Kind.RACK, "flow_lpm")


def test_fast_metrics_are_those_of_every_tick():
    """They and the slow ones make the catalogue."""
    slow = [m for m in CATALOGUE[Kind.GPU] if m.rate == "slow"]
    assert set(CATALOGUE[Kind.GPU]) == {*fast(Kind.GPU), *slow}
    assert metric(Kind.GPU, "margin_c") in fast(Kind.GPU)
    assert metric(Kind.GPU, "power_limit_w") in slow
