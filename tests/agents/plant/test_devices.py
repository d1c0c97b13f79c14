"""The list of a plant's devices: what it says, and how mistakes are told."""

import pytest

from coldplate.agents.options.modbus import Modbus
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.plant.building import gather_devices
from coldplate.agents.plant.devices import DevicesError, load_devices
from coldplate.twin.cdus import TwinCdus
from coldplate.wire.metric import Kind

GOOD = """\
[defaults.redfish]
user = "monitor"
password_file = "password"

[[device]]
id = "rack-0003/cdu"
kind = "redfish"
address = "https://10.3.0.20"

[[device]]
id = "rack-0004/cdu"
kind = "redfish"
address = "https://10.3.0.21"
user = "other"

[[device]]
id = "rack-0005/cdu"
kind = "modbus"
address = "[fd00::7]:1502"
map = "example-cdu"

[[device]]
id = "cdu-9"
rack = "rack-0009"
kind = "twin"
"""


def listed(folder, text):
    path = folder / "plant.toml"
    path.write_text(text)
    return load_devices(path)


def test_devices_stand_in_the_order_of_the_file(tmp_path):
    """With their racks: as given, or what stands before the first slash."""
    devices = listed(tmp_path, GOOD)
    assert ["rack-0003/cdu", "rack-0004/cdu", "rack-0005/cdu", "cdu-9"] == [d.id for d in devices]
    assert ["rack-0003", "rack-0004", "rack-0005", "rack-0009"] == [d.in_rack for d in devices]


def test_defaults_hold_unless_a_device_says_otherwise(tmp_path):
    """Paths are those of the file's folder, wherever the agent runs."""
    first, second, *_ = listed(tmp_path, GOOD)
    assert ("monitor", "other") == (first.user, second.user)
    assert str(tmp_path / "password") == first.password_file == second.password_file


def test_an_address_of_modbus_may_name_a_port(tmp_path):
    """502 otherwise; a name, IPv4 or IPv6."""
    device = listed(tmp_path, GOOD)[2]
    assert ("fd00::7", 1502) == (device.host, device.port)
    plain = listed(tmp_path, GOOD.replace("[fd00::7]:1502", "cdu-5.example"))[2]
    assert ("cdu-5.example", 502) == (plain.host, plain.port)


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ('user = "other"', 'usr = "other"', "line 10"),
        ('user = "other"', 'usr = "other"', "`usr`"),
        ('user = "other"', "user = 7", "line 10, key user"),
        ('kind = "modbus"', 'kind = "bacnet"', "line 16: kind must be one of redfish, modbus, twin"),
        ('map = "example-cdu"\n', "", "line 16"),
        ('map = "example-cdu"\n', "", "`map`"),
        ("[fd00::7]:1502", "10.0.0.1:0", "key address"),
        ("[fd00::7]:1502", "tcp://10.0.0.1", "key address"),
        ("https://10.3.0.21", "10.3.0.21", "line 10, key address"),
        ("rack-0004/cdu", "rack-0003/cdu", "is given 2 times"),
        ("[defaults.redfish]", "[defaults.ipmi]", "defaults are given by kind"),
        ('user = "monitor"', 'id = "monitor"', "each device's own"),
        ('id = "cdu-9"', 'id = ""', "line 22, key id"),
        ("[[device]]", "[[devices]]", "no [[device]]"),
        ("[[device]]", "[device", "plant.toml"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path, was, now, told):
    """Nothing is guessed, and nobody has to search hundreds of devices."""
    with pytest.raises(DevicesError) as refused:
        listed(tmp_path, GOOD.replace(was, now))
    assert told in str(refused.value)


def test_a_file_that_is_missing_names_its_option(tmp_path):
    """What to do stands in the message."""
    with pytest.raises(DevicesError, match=r"agent\.plant\.devices"):
        load_devices(tmp_path / "none.toml")


def test_devices_become_one_collector(tmp_path):
    """Each is a source of its own, whatever it speaks."""
    (tmp_path / "password").write_text("secret")
    devices = listed(tmp_path, GOOD)
    gathered = gather_devices(devices, Redfish(), Modbus(), deadline_s=0.5, twin=TwinCdus)
    try:
        assert {d.id for d in devices} == {s.name for s in gathered.sources}
        assert {d.id: d.in_rack for d in devices} == {s.name: s.rack for s in gathered.sources}
        assert {d.id for d in devices} == set(gathered.devices[Kind.CDU])
    finally:
        gathered.close()


def test_a_map_that_cannot_be_used_is_told(tmp_path):
    """As an error of the list, before anything is read."""
    devices = listed(tmp_path, GOOD.replace("example-cdu", "no-such-map"))
    with pytest.raises(DevicesError, match="no-such-map"):
        gather_devices(devices[2:3], Redfish(), Modbus(), deadline_s=0.5)


def test_there_may_be_no_twin(tmp_path):
    """An installation without it says so."""
    devices = listed(tmp_path, GOOD)
    with pytest.raises(DevicesError, match="no twin here"):
        gather_devices(devices[3:], Redfish(), Modbus(), deadline_s=0.5)
