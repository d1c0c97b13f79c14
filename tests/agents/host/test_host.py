"""Processors, memory and power of a node, out of trees of /proc and /sys."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from coldplate.agents.collectors.host import REOPEN_TICKS, HostCollector
from coldplate.wire.metric import Kind, metric

NODE = "rack-0003/node-5"
TREES = Path(__file__).parent / "trees"
PACKAGE = "sys/class/powercap/intel-rapl:{}/energy_uj"


class Machine:
    """A tree, and the collector on it with a clock of its own."""

    def __init__(self, root: Path, tree: str, **options: object) -> None:
        self.root, self.now_s = root, 1000.0
        for line in (TREES / f"{tree}.txt").read_text("utf-8").splitlines():
            path, _, content = line.partition("\t")
            self.put(path, content.replace("\\n", "\n"))
        self.options = options
        self.host = self.start()

    def start(self) -> HostCollector:
        return HostCollector(
            NODE, "rack-0003", root=self.root, clock=lambda: self.now_s, **self.options
        )

    def put(self, path: str, content: str | int) -> None:
        at = self.root / path
        at.parent.mkdir(parents=True, exist_ok=True)
        # In place: what is held open is the file, not its name.
        with at.open("r+" if at.exists() else "w", encoding="utf-8") as file:
            file.truncate()
            file.write(f"{content}\n")

    def sample(self, after_s: float = 1.0) -> dict[str, float]:
        """What is told, by name."""
        self.now_s += after_s
        values = self.host.sample(int(1000 * self.now_s))[Kind.NODE][:, 0]
        names = ("cpu_power_w", "cpu_c", "cpu_util_ratio", "mem_available_bytes", "air_inlet_c",
                 "node_power_w", "agent_cpu_ratio", "agent_rss_bytes")  # fmt: skip
        told = {n: float(values[metric(Kind.NODE, n).number]) for n in names}
        assert len(told) >= np.isfinite(values).sum()
        return {n: v for n, v in told.items() if not np.isnan(v)}

    def absent(self) -> dict[str, str]:
        return {n: o.absent for n, o in self.host.origins()[NODE].items() if o.absent}


@pytest.fixture
def machine() -> Iterator[Callable[..., Machine]]:
    # Not tmp_path: a test that becomes somebody else has to reach it.
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    made: list[Machine] = []

    def make(tree: str, **options: object) -> Machine:
        made.append(Machine(root, tree, **options))
        return made[-1]

    yield make
    for one in made:
        one.host.close()
    shutil.rmtree(root)


def test_two_xeons_tell_power_temperature_memory_and_node_power(machine) -> None:
    """Energy of the packages alone, over the time between two looks; the hotter package."""
    intel = machine("intel-2s", air_inlet="nct6798/SYSTIN")
    first = intel.sample()
    assert "cpu_power_w" not in first
    assert "cpu_util_ratio" not in first
    intel.put(PACKAGE.format(0), 190_000_000_000 + 2 * 210_000_000)
    # The counter of the second package goes through its end: 262,143.3 J.
    intel.put(PACKAGE.format(1), 2 * 180_000_000 - (262_143_328_850 - 262_000_000_000))
    second = intel.sample(2.0)
    assert 390.0 == pytest.approx(second["cpu_power_w"])
    assert 67.0 == second["cpu_c"]
    assert 1978203136 * 1024 == second["mem_available_bytes"]
    assert 24.5 == second["air_inlet_c"]
    assert 6843.0 == second["node_power_w"]
    assert 12207 * os.sysconf("SC_PAGE_SIZE") == second["agent_rss_bytes"]
    assert {} == intel.absent()


def test_two_epycs_tell_the_die_where_there_is_one_and_supplies_are_added(machine) -> None:
    """Tctl stands 27 K above the die on the one that has both; chips in the order of their numbers."""
    epyc = machine("epyc-2s", node_power="dps3000/pin")
    found = epyc.sample()
    assert 58.25 == found["cpu_c"]
    assert 6270.0 == found["node_power_w"]
    assert {"air_inlet_c": "disabled"} == epyc.absent()
    origins = epyc.host.origins()[NODE]
    assert "hwmon dps3000/pin, dps3000/pin" == origins["node_power_w"].source
    assert "RAPL, 2 packages" == origins["cpu_power_w"].source


def test_a_virtual_machine_tells_what_it_has(machine) -> None:
    """And says of the rest that it is not there, without one warning."""
    vm = machine("vm")
    assert {"mem_available_bytes", "agent_rss_bytes"} == set(vm.sample())
    vm.put("proc/stat", "cpu  510741 375067 96310 3102062 7190 0 3875 599 0 0")
    found = vm.sample()
    assert 0.5 == pytest.approx(found["cpu_util_ratio"])
    assert found["agent_cpu_ratio"] >= 0
    assert {
        "cpu_power_w": "unsupported", "cpu_c": "unsupported", "node_power_w": "unsupported",
        "air_inlet_c": "disabled",
    } == vm.absent()  # fmt: skip
    assert vm.host.health()[0].ok


def test_waiting_for_a_disk_is_idle_and_stolen_time_is_not(machine) -> None:
    """As the catalogue has it: what was not idle."""
    vm = machine("vm")
    vm.sample()
    vm.put("proc/stat", "cpu  510641 375067 96310 3101962 7265 0 3875 624 0 0")
    assert 0.25 == pytest.approx(vm.sample()["cpu_util_ratio"])


def test_a_package_that_was_reset_has_no_power_for_one_reading(machine) -> None:
    """Rather than the 65 kJ of a whole round; then it goes on."""
    epyc = machine("epyc-2s")
    epyc.sample()
    epyc.put(PACKAGE.format(0), 100)
    assert "cpu_power_w" not in epyc.sample()
    epyc.put(PACKAGE.format(0), 200_000_100)
    assert 200.0 == pytest.approx(epyc.sample()["cpu_power_w"])


def test_counters_for_root_alone_are_absent_with_their_reason(machine) -> None:
    """As every kernel since 2020 has them; the temperature is for all."""
    intel = machine("intel-2s")
    intel.host.close()
    for package in (0, 1):
        (intel.root / PACKAGE.format(package)).chmod(0o000)
    root = os.geteuid() == 0
    if root:  # who reads everything; so as somebody else
        os.seteuid(65534)
    try:
        intel.host = intel.start()
        found = intel.sample()
    finally:
        if root:
            os.seteuid(0)
    assert "cpu_power_w" not in found
    assert 67.0 == found["cpu_c"]
    assert "no-permission" == intel.absent()["cpu_power_w"]


def test_one_package_that_cannot_be_read_leaves_no_half_of_a_sum(machine) -> None:
    """A maximum of fewer sensors would be wrong as well."""
    intel = machine("intel-2s")
    intel.put("sys/class/hwmon/hwmon1/temp1_input", "")
    assert "cpu_c" not in intel.sample()
    assert "error" == intel.absent()["cpu_c"]
    intel.put("sys/class/hwmon/hwmon1/temp1_input", "70000")
    assert 70.0 == intel.sample()["cpu_c"]
    assert {"air_inlet_c": "disabled"} == intel.absent()


def test_sensors_of_a_driver_that_is_loaded_late_are_found(machine) -> None:
    """Within five minutes, whatever number they get."""
    vm = machine("vm")
    vm.sample()
    vm.put("sys/class/hwmon/hwmon7/name", "coretemp")
    vm.put("sys/class/hwmon/hwmon7/temp1_label", "Package id 0")
    vm.put("sys/class/hwmon/hwmon7/temp1_input", "44000")
    found = [vm.sample() for _ in range(REOPEN_TICKS)]
    assert "cpu_c" not in found[0]
    assert 44.0 == found[-1]["cpu_c"]


def test_what_costs_much_is_read_every_few_ticks_and_absent_in_between(machine) -> None:
    """A power meter that once took 20 ms, on a clock that says so."""
    intel = machine("intel-2s")
    # The clock is looked at once at the start of a sample and once after each reader; the sixth is the power meter.
    calls = iter(range(10**9))

    def clock() -> float:
        intel.now_s += 0.020 if next(calls) == 6 else 1e-6
        return intel.now_s

    intel.host.close()
    intel.host = HostCollector(NODE, "rack-0003", root=intel.root, clock=clock, slow_ticks=5)
    told = [intel.sample() for _ in range(12)]
    assert [0, 5, 10] == [i for i, row in enumerate(told) if "node_power_w" in row]
    assert all("cpu_c" in row for row in told)
    assert (intel.host.origins()[NODE]["node_power_w"].cost_us or 0) > 1000


@pytest.mark.parametrize("option", ["air_inlet", "node_power"])
def test_a_sensor_without_its_driver_is_refused(machine, option: str) -> None:
    """With an example."""
    with pytest.raises(ValueError, match="give DRIVER/LABEL"):
        machine("vm", **{option: "SYSTIN"})


@pytest.mark.parametrize("path", ["proc/stat", "proc/meminfo", "proc/self/statm"])
@pytest.mark.parametrize(
    "content", ["", "cpu 1 2", "cpu  a b c d e f g h", "MemAvailable: much kB", "x" * 600]
)
def test_a_file_of_another_form_is_absent(machine, path: str, content: str) -> None:
    """Nothing raises, and the others are told."""
    vm = machine("vm")
    vm.sample()
    vm.put("proc/stat", "cpu  510741 375067 96310 3102062 7190 0 3875 599 0 0")
    vm.put(path, content)
    names = {"proc/stat": "cpu_util_ratio", "proc/meminfo": "mem_available_bytes"}
    found = set(vm.sample())
    assert names.get(path, "agent_rss_bytes") not in found
    assert {"mem_available_bytes", "agent_rss_bytes"} - {
        names.get(path, "agent_rss_bytes")
    } <= found


def test_this_machine_is_read() -> None:
    """With its own /proc and /sys: memory and the agent's own, which every Linux has."""
    host = HostCollector(NODE, "rack-0003")
    values = host.sample(0)[Kind.NODE][:, 0]
    for tick in range(1, 40):
        deadline_s = time.process_time() + 0.01
        while time.process_time() < deadline_s:
            pass
        sampled = host.sample(1000 * tick)[Kind.NODE][:, 0]
        # Where others took the processor in the middle of a file, it is taken for a costly one and left out for some ticks.
        values = np.where(np.isnan(sampled), values, sampled)
    host.close()
    host.close()
    assert 1e6 < values[metric(Kind.NODE, "agent_rss_bytes").number] < 1e10
    assert 0.0 < values[metric(Kind.NODE, "agent_cpu_ratio").number] <= 2.0
    assert 1e6 < values[metric(Kind.NODE, "mem_available_bytes").number]
    assert np.isnan(
        host.sample(2000)[Kind.NODE][metric(Kind.NODE, "mem_available_bytes").number, 0]
    )
