"""The inventory: made, read, saved, and refused with the place that is wrong."""

import pytest

from coldplate.wire.inventory import (
    COLUMNS,
    Device,
    Inventory,
    InventoryError,
    device_key,
    generate,
    key_clashes,
    load,
    save_csv,
)

HEADER = "kind,id,parent,index\n"
SMALL_CSV = (
    HEADER + "hall,hall,,\nrack,A1,hall,\nnode,A1-3,A1,3\ngpu,A1-3-0,A1-3,0\ncdu,A1-cdu,A1,0\n"
)


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def write(text, name="inventory.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_uniform_hall_is_generated():
    """Racks of nodes of GPUs, a CDU each, in rows; ids as recordings write them."""
    made = generate(25, 8, 8, racks_per_row=20)
    expected = {"hall": 1, "row": 2, "rack": 25, "node": 200, "gpu": 1600, "cdu": 25}
    assert expected == made.counts()
    assert 1853 == len(made)
    gpu = made.devices["rack-0003/node-5/gpu-2"]
    assert ("gpu", "rack-0003/node-5", 2, "hall", "row-0") == (
        gpu.kind, gpu.parent, gpu.index, gpu.hall, gpu.row,
    )  # fmt: skip
    assert "row-1" == made.devices["rack-0024"].parent
    assert "rack-0003" == made.rack_of("rack-0003/node-5/gpu-2") == made.rack_of("rack-0003/cdu")
    assert "row-0" == made.rack_of("row-0")
    assert "rack-0025" not in made


def test_a_hall_may_start_at_any_rack():
    """Two inventories of one site do not share ids."""
    first, second = generate(4, 1, 1), generate(4, 1, 1, first_rack=4)
    assert {"hall", "row-0"} == set(first.devices) & set(second.devices)


def test_children_are_in_order_of_index():
    """Whatever the order of the lines: the agent's GPU order is the index."""
    devices = [
        Device("rack", "r"), Device("node", "r/n", "r"),
        Device("gpu", "b", "r/n", 1), Device("gpu", "a", "r/n", 2), Device("gpu", "c", "r/n", 0),
    ]  # fmt: skip
    made = Inventory(devices)
    assert ["c", "b", "a"] == [d.id for d in made.children["r/n"]]
    assert ["b", "a", "c"] == [d.id for d in made.of_kind("gpu")]


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ([Device("rack", "r"), Device("rack", "r")], "'r' .*stands twice"),
        ([Device("rack", "")], "is empty"),
        ([Device("pdu", "p")], "p: kind 'pdu' is unknown; use one of hall, row, rack"),
        ([Device("gpu", "g", "n")], "g: parent 'n' is not in the inventory; a gpu sits in a node"),
        ([Device("rack", "r"), Device("gpu", "g", "r")], "g: parent 'r' is a rack; a gpu sits in"),
        ([Device("node", "n")], "n: parent '' is not in the inventory; a node sits in a rack"),
        ([Device("rack", "r"), Device("rack", "s", "r")], "s: parent 'r' is a rack"),
    ],
)
def test_what_does_not_fit_together_is_refused(devices, message):
    """Twice the same id, an unknown kind, a parent that is missing or of the wrong kind."""
    with pytest.raises(InventoryError, match=message):
        Inventory(devices)


def test_a_saved_inventory_is_read_as_it_was(tmp_path):
    """All columns, commas and accents included."""
    devices = [
        Device("hall", "h"),
        Device("rack", "Gestell, Süd", "", 4, serial='7"x', hall="h", row="ü"),
        Device("node", "n", "Gestell, Süd", 3, "uuid-1", "S1", "h", "ü"),
        *list(generate(2, 2, 2))[1:],
    ]
    path = tmp_path / "out.csv"
    save_csv(Inventory(devices), path)
    assert devices == list(load(path))
    assert ",".join(COLUMNS) == path.read_text("utf-8").splitlines()[0]


def test_a_csv_needs_three_columns_only(written):
    """Spaces around values, missing columns and an empty index are taken."""
    made = load(written("id,kind,parent,colour\n r1 ,rack,,red\nr1/n, node ,r1,blue\n"))
    expected = [Device("rack", "r1"), Device("node", "r1/n", "r1")]
    assert expected == list(made)
    assert 5 == len(load(written(SMALL_CSV)))


def test_a_toml_describes_a_uniform_hall(written):
    """As `generate` does with the same numbers."""
    text = "[generate]\nracks = 3\nnodes = 2\ngpus = 4\nracks_per_row = 2\nfirst_rack = 10\n"
    expected = generate(3, 2, 4, racks_per_row=2, first_rack=10)
    assert list(expected) == list(load(written(text, "site.toml")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind,id\n", "line 1: no column parent"),
        ("", "line 1: no column id, kind, parent"),
        (HEADER + "rack,r,,0\nnode,n,r,three\n", "line 3: index 'three' is no whole number"),
        (SMALL_CSV + "rack,A1,,\n", "'A1' is empty or stands twice"),
        (SMALL_CSV + "pdu,P,A1,\n", "P: kind 'pdu' is unknown"),
        (SMALL_CSV + "gpu,g,A9-1,0\n", "g: parent 'A9-1' is not in the inventory"),
        (b"kind,id,parent\nrack,\xff,\n", "utf-8"),
        (HEADER + f"rack,{'r' * 200_000},,\n", "field larger than"),
    ],
)
def test_a_bad_csv_is_refused_with_its_place(written, text, message):
    """The file, and the line or the id."""
    path = written(text)
    with pytest.raises(InventoryError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("racks = 3", r"expected one table \[generate\]"),
        ("[generate]\nracks = 3\n[other]\n", r"expected one table \[generate\]"),
        ("[generate]\nnodes = 3", "generate.racks is missing"),
        ("[generate]\nracks = 3\nrows = 1", "generate.rows is unknown; there are first_rack, gpus"),
        ("[generate]\nracks = '3'", "generate.racks must be a whole number, got '3'"),
        ("[generate]\nracks = true", "generate.racks must be a whole number, got True"),
        ("[generate]\nracks = -1", "generate.racks must be a whole number, got -1"),
        ("[generate]\nracks = 3\nracks_per_row = 0", "generate.racks_per_row must be"),
        ("[generate\n", "line 1"),
    ],
)
def test_a_bad_toml_is_refused_with_its_key(written, text, message):
    """The file, and the key or the line."""
    path = written(text, "site.toml")
    with pytest.raises(InventoryError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path):
    """The path, and that it is not there."""
    with pytest.raises(InventoryError, match="No such file"):
        load(tmp_path / "none.csv")


def test_a_device_key_never_changes():
    """It is the first column of years of history; a rack's devices share its upper 24 bits."""
    assert 9390985129805645392 == device_key("rack-0003", "rack-0003/node-5/gpu-2")
    assert 9390985329254230031 == device_key("rack-0003", "rack-0003/cdu")
    assert 1 == len({device_key("rack-0003", f"{n}") >> 40 for n in range(100)})
    assert device_key("rack-0003", "x") >> 40 != device_key("rack-0004", "x") >> 40


def test_a_clash_of_keys_is_found():
    """Two ids whose hashes begin alike, looked for among 1.6 million; a hall of 25,600 GPUs has none."""
    clash = ("rack-0000/node-930307", "rack-0000/node-1622708")
    devices = [Device("rack", "rack-0000"), *(Device("node", n, "rack-0000") for n in clash)]
    assert [clash] == key_clashes(Inventory(devices))
    assert [] == key_clashes(generate(400))
