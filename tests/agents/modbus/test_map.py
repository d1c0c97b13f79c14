"""Map files: what they may say, and how a slip is refused."""

import tomllib
from pathlib import Path

import pytest
from tree import ROOT

from coldplate.agents.modbus.errors import MapError
from coldplate.agents.modbus.map import SHIPPED, _Defaults, _Entry, _File, load, read
from coldplate.agents.modbus.units import UNITS, conversion
from coldplate.wire.metric import CATALOGUE, Kind


def one(**entry: object) -> dict:
    """A file with one register."""
    made = {"metric": "supply_c", "address": 10, "unit": "degC", **entry}
    return {
        "name": "unit", "source": "a document",
        "register": [{k: v for k, v in made.items() if v is not None}],
    }  # fmt: skip


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_map_is_sound_and_names_its_source(path: Path) -> None:
    """By its short name and by its path."""
    found = load(path.stem)
    assert found == load(str(path))
    assert found.registers
    assert found.source


def test_the_liebert_map_has_the_numbers_of_its_document() -> None:
    """Table 19: tenths of degrees in input registers, counted from 30001."""
    by_name = {r.metric.name: r for r in load("liebert-xdc").registers}
    supply = by_name["supply_c"]
    assert ("input", 386) == (supply.table, supply.address)
    assert 18.4 == pytest.approx(supply.value([184]))
    assert -2.5 == pytest.approx(supply.value([0x10000 - 25]))
    assert 0.455 == pytest.approx(by_name["room_rh_ratio"].value([455]))


def test_a_pump_that_reports_its_state_alone_has_a_speed_only_when_it_stands() -> None:
    """0 is the speed of a pump that is off; that one is on says no speed."""
    pump = next(r for r in load("liebert-xdc").registers if r.metric.name == "pump1_rpm")
    assert 0.0 == pump.value([0])
    assert pump.value([1]) != pump.value([1])


@pytest.mark.parametrize(
    ("metric", "unit", "raw", "expected"),
    [
        ("supply_c", "degF", 86, 30.0),
        ("supply_c", "K", 303, 29.85),
        ("supply_kpa", "kPa", 250, 250.0),
        ("supply_kpa", "kPa_gauge", 150, 251.325),
        ("supply_kpa", "bar_gauge", 2, 301.325),
        ("supply_kpa", "psi_gauge", 30, 308.168),
        ("supply_kpa", "psi", 30, 206.843),
        ("filter_kpa_delta", "psi", 5, 34.474),
        ("flow_lpm", "gpm", 20, 75.708),
        ("flow_lpm", "m3/h", 6, 100.0),
        ("flow_lpm", "l/s", 2, 120.0),
        ("valve_ratio", "percent", 55, 0.55),
        ("heat_w", "kW", 80, 80_000.0),
        ("makeup_l_total", "gal", 10, 37.854),
        ("conductivity_us_cm", "mS/cm", 2, 2000.0),
    ],
)
def test_units_of_controllers_become_those_of_the_catalogue(
    metric: str, unit: str, raw: int, expected: float
) -> None:
    """By hand, to a thousandth."""
    (register,) = read(one(metric=metric, unit=unit), "x").registers
    assert expected == pytest.approx(register.value([raw]), abs=1e-3)


def test_a_gauge_reads_above_the_air_of_its_site() -> None:
    """The map's own figure goes before the site's."""
    data = one(metric="supply_kpa", unit="kPa_gauge")
    assert 184.6 == pytest.approx(read(data, "x", atmosphere_kpa=84.6).registers[0].value([100]))
    data["atmosphere_kpa"] = 90.0
    assert 190.0 == pytest.approx(read(data, "x", atmosphere_kpa=84.6).registers[0].value([100]))


def test_scale_and_offset_come_before_the_unit() -> None:
    """What is scaled and moved is in the unit that is named."""
    (register,) = read(one(unit="degF", scale=0.1, offset=-40.0), "x").registers
    # 1220 * 0.1 - 40 = 82 degF.
    assert 27.778 == pytest.approx(register.value([1220]), abs=1e-3)


def test_what_is_invalid_or_outside_of_its_bounds_is_absent() -> None:
    """Never 0."""
    (register,) = read(one(scale=0.1, invalid=[0x7FFF], valid=[0.0, 90.0]), "x").registers
    assert 30.0 == register.value([300])
    for raw in (0x7FFF, 901, 0xFFFF):
        assert register.value([raw]) != register.value([raw])


def test_defaults_go_where_nothing_is_said_and_invalid_with_their_type() -> None:
    """A float register does not inherit what a 16-bit register calls invalid."""
    data = one()
    data["defaults"] = {"table": "input", "type": "int16", "scale": 0.1, "invalid": [0x7FFF]}
    data["register"].append({
        "metric": "return_c", "address": 20, "type": "float32", "scale": 1.0, "unit": "degC"
    })  # fmt: skip
    supply, back = read(data, "x").registers
    assert ("input", "int16", {0x7FFF}) == (supply.table, supply.type, supply.invalid)
    assert ("input", "float32", 2, frozenset()) == (back.table, back.type, back.words, back.invalid)


@pytest.mark.parametrize(
    ("numbering", "address", "table", "wire"),
    [
        ("wire", 100, None, ("holding", 100)),
        ("one", 100, "input", ("input", 99)),
        ("modicon", 30493, None, ("input", 492)),
        ("modicon", 40001, None, ("holding", 0)),
        ("modicon", 10021, None, ("discrete", 20)),
        ("modicon", 17, None, ("coil", 16)),
        ("modicon", 400_300, None, ("holding", 299)),
    ],
)
def test_addresses_as_vendors_number_them(
    numbering: str, address: int, table: str | None, wire: tuple[str, int]
) -> None:
    """On the wire they count from 0 in each table."""
    bits = wire[0] in ("coil", "discrete")
    entry = {"metric": "leak", "unit": None} if bits else {}
    data = one(address=address, table=table, **entry) | {"numbering": numbering}
    (register,) = read(data, "x").registers
    assert wire == (register.table, register.address)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"metric": "suply_c"}, "no cdu metric is called 'suply_c'"),
        ({"type": "int17"}, "Invalid enum value 'int17'"),
        ({"scal": 0.1}, "unknown field `scal`"),
        ({"unit": "degR"}, "'degR' is no unit of supply_c; there are: degC, degF, K"),
        ({"unit": None}, "unit is missing"),
        ({"metric": "valve_ratio", "unit": None}, "unit is missing"),
        ({"metric": "filter_kpa_delta", "unit": "kPa_gauge"}, "'kPa_gauge' is no unit of"),
        ({"address": -1}, "address -1 lies outside of the table holding"),
        ({"address": 65_535, "type": "float32"}, "lies outside"),
        ({"scale": 0.0}, "scale not 0"),
        ({"type": "bit"}, "bit = 0..15 goes with type = 'bit'"),
        ({"bit": 3}, "bit = 0..15 goes with type = 'bit'"),
        ({"metric": "leak", "type": "bit", "bit": 16, "unit": None}, "bits 0 to 15"),
        ({"table": "coil", "type": "int16"}, "has bits, no int16"),
        ({"valid": [5.0, 1.0]}, "give the lower bound first"),
        ({"invalid": [0x12345]}, "int16 cannot hold 74565"),
        ({"values": {"on": 1.0}, "unit": None}, "keys are whole numbers"),
        ({"values": {"1": 1.0}}, "leave scale, offset and unit away"),
    ],
)
def test_a_slip_is_refused_with_its_place(entry: dict, expected: str) -> None:
    """File, register or key, and what is expected."""
    with pytest.raises(MapError) as caught:
        read(one(**entry), "cdu.toml")
    assert str(caught.value).startswith("cdu.toml: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"numbering": "modicon"}, "is no Modicon number"),
        ({"registers_max": 200}, "give 1 to 125"),
        ({"gap_max": -1}, "gap_max = -1"),
        ({"source": " "}, "source is empty"),
        ({"register": []}, "there is no [[register]]"),
        ({"kind": "gpu"}, "Invalid enum value 'gpu'"),
    ],
)
def test_a_slip_of_the_whole_file_is_refused(change: dict, expected: str) -> None:
    """With what to give instead."""
    with pytest.raises(MapError) as caught:
        read(one(address=25_000) | change, "cdu.toml")
    assert expected in str(caught.value)


def test_a_metric_stands_once_and_a_leak_as_often_as_there_are_ropes() -> None:
    """Two registers for one value would make the map's order matter."""
    data = one()
    data["register"] *= 2
    with pytest.raises(MapError, match="supply_c stands 2 times"):
        read(data, "x")
    assert 2 == sum(r.metric.name == "leak" for r in load("example-cdu").registers)


def test_a_map_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    """And a file that is no TOML with its place."""
    with pytest.raises(MapError, match=r"no map is called 'liebert'; there are .*liebert-xdc"):
        load("liebert")
    with pytest.raises(MapError, match="No such file"):
        load(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ", "utf-8")
    with pytest.raises(MapError, match=r"broken\.toml"):
        load(str(broken))


def test_every_unit_of_the_catalogue_that_a_map_can_fill_is_known() -> None:
    """For CDUs, racks and halls; the catalogue's own unit is always among them and changes nothing."""
    for kind in (Kind.CDU, Kind.RACK, Kind.HALL):
        for m in CATALOGUE[kind]:
            assert m.unit in UNITS
            same = conversion(m.name, m.unit, m.unit, 101.325)
            assert (1.0, 0.0) == (same.factor, same.offset)


def test_the_page_shows_a_map_that_is_sound_and_names_every_key() -> None:
    """What people copy from docs/collectors/modbus.md works."""
    page = (ROOT / "docs/collectors/modbus.md").read_text("utf-8")
    shown = page.partition("```toml\n")[2].partition("```")[0]
    found = read(tomllib.loads(shown), "the page")
    assert ["supply_c", "supply_kpa", "leak"] == [r.metric.name for r in found.registers]
    keys = {f for of in (_File, _Entry, _Defaults) for f in of.__struct_fields__}
    units = {u for of in UNITS.values() for u in of if not u.endswith("_gauge")}
    # `register` and `defaults` are tables, shown as such.
    for word in (keys | units) - {"register", "defaults"}:
        assert f"`{word}`" in page, word
