"""Parameters of detectors from a file: what is taken, what is refused and with which words, and for whom."""

import math
import re

import pytest

from coldplate.streams.basis import BASES, BUDGET, PAGES
from coldplate.streams.catalogue import as_toml, entries
from coldplate.streams.detectors import defaults, parameters_sha
from coldplate.streams.parameters import Parameters, ParametersError, load_parameters, places
from coldplate.streams.schema import parameters_of
from coldplate.wire.inventory import Device, Inventory, generate

NAMES = [d.name for d in defaults()]


@pytest.fixture
def loaded(tmp_path):
    """Parameters of a file with this text."""

    def load(text):
        path = tmp_path / "limits.toml"
        path.write_text(text, "utf-8")
        return load_parameters(path)

    return load


def of(detectors, name):
    (found,) = [d for d in detectors if d.name == name]
    return found


def test_the_complete_file_is_what_the_code_has(loaded):
    """Whoever starts from `--toml` changes nothing by it; an empty file is nothing changed as well."""
    assert parameters_sha() == Parameters().sha
    assert parameters_sha() == loaded(as_toml(entries())).sha == loaded("").sha
    assert NAMES == [d.name for d in loaded(as_toml(entries())).detectors]


def test_a_table_changes_its_detector_alone(loaded):
    """What is not given stays; a whole number is taken where fractions are; the order of asking is kept."""
    found = loaded("[margin]\nwanted_c = 10\n[thermal-path]\nat_once = inf\nlimit_k = 1.5\n")
    margin, path = of(found.detectors, "margin"), of(found.detectors, "thermal-path")
    assert (10.0, 2.0) == (margin.wanted_c, margin.hold_s)
    assert isinstance(margin.wanted_c, float)
    assert (1.5, math.inf) == (path.limit_k, path.at_once)
    others = {"margin", "thermal-path"}
    assert [repr(d) for d in defaults() if d.name not in others] == [
        repr(d) for d in found.detectors if d.name not in others
    ]
    assert NAMES == [d.name for d in found.detectors]


def test_a_method_within_a_detector_has_its_parameters_too(loaded):
    """Named after it; the method's others stay."""
    usual = of(defaults(), "residual-supply-c").level
    for text in (
        "[residual-supply-c]\nlevel.limit = 6\n",
        "[residual-supply-c.level]\nlimit = 6\n",
    ):
        level = of(loaded(text).detectors, "residual-supply-c").level
        assert (6.0, usual.slow_s) == (level.limit, level.slow_s)
    assert 6.0 != usual.limit


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[margn]\nwanted_c = 9\n", 1, ["'margn'", "did you mean margin?", "coldplate detectors"]),
        ("\n[margin]\n\nwanted = 9\n", 4, ["'wanted'", "wanted_c", "hold_s"]),
        ("[margin]\nwanted_c = -1\n", 2, ["wanted_c", "above 0", "got -1"]),
        ("[margin]\nwanted_c = nan\n", 2, ["wanted_c", "above 0"]),
        ("[margin]\nhold_s = inf\n", 2, ["hold_s", "from 0", "got inf"]),
        ("[margin]\nhold_s = '2'\n", 2, ["hold_s", "a number", "'2'"]),
        ("[margin]\nhold_s = true\n", 2, ["hold_s", "a number", "True"]),
        ("[margin]\nfault = 'x'\n", 2, ["no parameter 'fault'"]),
        ("[margin]\noff = 1\n", 1, ["off = 1 is above on = 0", "give both"]),
        ("[margin]\non = 9\n", 1, ["on = 9 is above at_once = 8"]),
        ("[ecc-corrected]\non = -1\n", 1, ["off = -0.5 is above on = -1"]),
        ("[facility-warm-hall]\nfast_s = 30\n", 1, ["fast_s = 30 is above slow_s = 25"]),
        ("[energy-jump]\nnode_ratio = 1.5\n", 2, ["node_ratio", "above 0 to 1"]),
        ("[power-oscillation]\nracks_min = 2.5\n", 2, ["racks_min", "a whole number", "2.5"]),
        ("[pump1-stop]\npump = 2\n", 2, ["no parameter 'pump'"]),
        ("[residual-supply-c]\nlevel.slow_s = 0\n", 2, ["level.slow_s", "above 0"]),
        ("[residual-supply-c.level]\nslow = 1\n", 2, ["no parameter 'level.slow'", "level.slow_s"]),
        ("[residual-supply-c]\nlevel = 3\n", 2, ["no parameter 'level'"]),
        ("margin = 8\n", 1, ["margin is a table"]),
        ("[margin]\nwanted_c = \n", 2, ["line 2"]),
        ("override = 3\n", 1, ["[[override]]"]),
        ("[override]\nrack = 'r'\n", 1, ["[[override]]"]),
        ("[[override]]\n[override.margin]\non=1\n", 1, ["hall, row, sku, rack, gpu, device", "none"]),
        ("[[override]]\nrack='r'\nhall='h'\n[override.margin]\n", 1, ["hall and rack"]),
        ("[[override]]\nrack='r'\nroom='x'\n[override.margin]\n", 3, ["'room' is no place"]),
        ("[[override]]\nrack = 3\n[override.margin]\n", 2, ["an id in quotes"]),
        ("[[override]]\nrack = 'r'\n", 1, ["changes nothing", "[override.DETECTOR]"]),
        ("[[override]]\nrack='r'\n[override.margn]\n", 3, ["'margn'", "did you mean margin?"]),
        ("[[override]]\nrack='r'\n[override.margin]\nhold=1\n", 4, ["no parameter 'hold'"]),
        ("[[override]]\ngpu='g'\n[override.flow-loss]\n", 3, ["judges cdus", "gpu is not for"]),
        ("[[override]]\nrack='r'\n[override.ramp-too-steep]\n", 3, ["judges halls"]),
        (
            "[[override]]\ngpu='g'\n[override.margin]\n[[override]]\ndevice='g'\n[override.margin]\n",
            6, ["margin of device 'g'", "line 1 already"],
        ),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(loaded, text, line, words):
    """File, line, what is wrong, what is allowed."""
    with pytest.raises(ParametersError) as caught:
        loaded(text)
    message = str(caught.value)
    assert f"line {line}" in message
    assert [] == [word for word in ["limits.toml", *words] if word not in message], message


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    """No file, and bytes that are no text."""
    with pytest.raises(ParametersError, match=re.escape(f"{tmp_path}/absent: No such file")):
        load_parameters(tmp_path / "absent")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ParametersError, match=re.escape(f"{tmp_path}/bytes: ")):
        load_parameters(tmp_path / "bytes")


def test_an_override_begins_with_what_the_file_says(loaded):
    """Not with what the code says; and it does not reach back to all others."""
    found = loaded(
        "[margin]\nwanted_c = 10\n[[override]]\nrow = 'row-1'\n[override.margin]\nhold_s = 7\n"
    )
    (override,) = found.overrides
    assert ("row", "row-1", 3) == (override.place, override.value, override.line)
    (there,) = override.detectors
    assert (10.0, 7.0) == (there.wanted_c, there.hold_s)
    assert 2.0 == of(found.detectors, "margin").hold_s


def test_any_value_for_anybody_changes_the_sha(loaded):
    """Base, override, its place; comments and the order of tables do not."""
    texts = [
        "", "[margin]\nwanted_c = 9\n",
        "[[override]]\nrack = 'a'\n[override.margin]\nwanted_c = 9\n",
        "[[override]]\nrack = 'b'\n[override.margin]\nwanted_c = 9\n",
        "[[override]]\nrack = 'b'\n[override.margin]\nwanted_c = 9.5\n",
    ]  # fmt: skip
    assert len(texts) == len({loaded(t).sha for t in texts})
    one, two = "[margin]\nwanted_c = 9\n", "[flow-loss]\nhold_s = 4\n"
    assert loaded(one + two).sha == loaded(f"# both\n{two}\n{one}").sha


SITE = Inventory([
    Device("hall", "east", hall="east"), Device("row", "e-1", "east", hall="east"),
    Device("rack", "r1", "e-1", hall="east", row="e-1", sku="rack-8"),
    Device("node", "n1", "r1", hall="east", row="e-1", sku="hgx"),
    Device("gpu", "g1", "n1", hall="east", row="e-1"),
    Device("gpu", "g2", "n1", hall="east", row="e-1", sku="h100"),
    Device("cdu", "c1", "r1", hall="east"),
])  # fmt: skip


@pytest.mark.parametrize(
    ("device", "rack", "expected"),
    [
        ("g1", "r1", ["g1", "r1", "hgx", "e-1", "east"]),
        ("g2", "r1", ["g2", "r1", "h100", "e-1", "east"]),
        ("c1", "r1", ["c1", "r1", "rack-8", "e-1", "east"]),
        ("r1", "r1", ["r1", "r1", "rack-8", "e-1", "east"]),
        ("new", "r1", ["new", "r1", "rack-8", "e-1", "east"]),
        ("new", "new-rack", ["new", "new-rack", "", "", ""]),
        ("east", "east", ["east", "east", "", "", "east"]),
    ],
)
def test_where_a_device_is(device, rack, expected):
    """Its own word, then that of what it sits in; a stranger has what its rack tells."""
    found = list(places(device, rack, SITE))
    assert ["device", "rack", "sku", "row", "hall"] == [place for place, _ in found]
    assert expected == [value for _, value in found]


def test_an_override_for_nobody_is_found(loaded):
    """A rack that was renamed keeps no limit of its own without anybody noticing."""
    text = "".join(
        f"[[override]]\n{place} = '{value}'\n[override.{detector}]\n"
        for place, value, detector in [
            ("rack", "rack-0000", "margin"), ("rack", "rack-0009", "margin"),
            ("row", "row-0", "margin"), ("gpu", "rack-0000/node-0/gpu-9", "margin"),
            ("sku", "h100", "margin"), ("hall", "hall", "ramp-too-steep"),
        ]
    )  # fmt: skip
    found = loaded(text).nowhere(generate(1))
    assert ["rack-0009", "rack-0000/node-0/gpu-9", "h100"] == [o.value for o in found]


@pytest.mark.parametrize("detector", defaults(), ids=lambda d: d.name)
def test_every_parameter_is_explained_and_bounded(detector):
    """Defaults are within their own bounds; beyond them, and what is no number, is refused."""
    found = parameters_of(detector)
    assert {"on", "hold_s", "clear_s", "at_once"} <= set(found)
    for name, parameter in found.items():
        assert parameter.meaning, name
        assert parameter.default == parameter.taken(parameter.default), name
        beyond = [math.nan, -math.inf, "1", None, True]
        beyond += [parameter.least - 1] if parameter.least > -math.inf else []
        beyond += [parameter.most + 1] if parameter.most < math.inf else []
        beyond += [parameter.least] if parameter.above else []
        for value in beyond:
            with pytest.raises(ValueError, match="must be a"):
                parameter.taken(value)


def test_every_detector_has_a_basis_and_the_shares_add_up():
    """Who pages and is told from chance by size alone has a share; together they are the product's budget."""
    listed = entries()
    assert set(NAMES) == set(BASES)
    pages = [e for e in listed if e.severity in ("warning", "critical")]
    assert [] == [e.name for e in pages if (e.basis.word == BUDGET) != (e.basis.pages > 0)]
    assert [] == [e.name for e in listed if e not in pages and e.basis.pages]
    assert math.isclose(PAGES, sum(e.basis.pages for e in listed))
    assert [] == [
        e.name
        for e in pages
        if e.basis.apart_s and e.basis.sigma < e.basis.sigma_asked(e.kind) and not e.basis.beside
    ]
    assert [] == [e.name for e in listed if not e.measures or not e.cost]
