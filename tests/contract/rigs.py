"""Collectors of one node and its plant over what they read: trees, servers and libraries that move with the ticks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from os import O_RDWR, close, mkfifo, write
from os import open as open_fd
from pathlib import Path

from agents.modbus.conftest import Device
from agents.nvml.conftest import Clock
from agents.redfish import services
from agents.redfish.test_redfish_hgx import CHASSIS, NODE, tree
from agents.redfish.test_redfish_hgx import GPUS as IDENTITIES
from pymodbus.constants import ExcCodes

from coldplate.agents.adjtimex import KernelClock
from coldplate.agents.clock import Reading
from coldplate.agents.collector import Collector, Samples
from coldplate.agents.collectors.clock import ClockCollector
from coldplate.agents.collectors.host import HostCollector
from coldplate.agents.collectors.jobs import JobsCollector
from coldplate.agents.collectors.kmsg import KmsgCollector
from coldplate.agents.collectors.modbus import ModbusCollector
from coldplate.agents.collectors.nvml import NvmlCollector
from coldplate.agents.collectors.own import OwnCollector
from coldplate.agents.collectors.redfish_hgx import RedfishHgxCollector
from coldplate.agents.gather import Gathering
from coldplate.agents.jobs.mapping import MappingFolder
from coldplate.agents.jobs.owner import Gpu
from coldplate.agents.modbus.map import load
from coldplate.agents.modbus.place import Place
from coldplate.agents.options.nvml import Nvml
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.xid_once import XidOnce
from coldplate.twin.nvml.install import beneath_pynvml
from coldplate.twin.nvml.library import Library
from coldplate.twin.redfish_mock import Service, serve

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"
TREE = Path(__file__).parents[1] / "agents" / "host" / "trees" / "intel-2s.txt"
RACK = NODE.partition("/")[0]
IDS = tuple(gpu.id for gpu in IDENTITIES[:2])
MODBUS_CDU = "rack-0004/cdu"
T0 = 1_790_000_000
SLOW_TICKS = 4
WAIT_S = 10.0

Provoke = Callable[[], tuple[str, str]]
"""Makes something happen; kind and subject of what is to be told of it."""


def still(_second: int) -> None:
    """What does not move with the ticks."""


@dataclass
class Rig:
    """A collector and what stands behind it; ticks follow one another a second apart unless told otherwise."""

    collector: Collector
    move: Callable[[int], None] = still
    provoke: Provoke | None = None
    second: int = -1

    def sample(self, step: int = 1) -> Samples:
        """The next tick, after what is read has moved on to it."""
        self.second += step
        self.move(self.second)
        return self.collector.sample(self.now_ms)

    def samples(self, count: int, step: int = 1) -> list[Samples]:
        return [self.sample(step) for _ in range(count)]

    @property
    def now_ms(self) -> int:
        """The last tick."""
        return (T0 + self.second) * 1000


Open = Callable[[Path], AbstractContextManager[Rig]]
"""A new rig, at its start, in a folder of its own."""


@contextmanager
def nvml(folder: Path) -> Iterator[Rig]:
    """Two GPUs of a recorded library."""
    clock = Clock()
    library = Library(RECORDING, len(IDS), clock=clock)
    # Slow machines are no failure here.
    options = Nvml(slow_ticks=SLOW_TICKS, deadline_s=WAIT_S, events=False)

    def move(second: int) -> None:
        clock.t_s = float(T0 + second)

    def provoke() -> tuple[str, str]:
        library.lose(1)
        return "gpu_lost", IDS[1]

    with beneath_pynvml(library):
        collector = NvmlCollector(NODE, RACK, options, state_dir=folder / "nvml", clock=clock)
        try:
            yield Rig(collector, move, provoke)
        finally:
            collector.close()


@contextmanager
def host(folder: Path) -> Iterator[Rig]:
    """A machine of two processors that draw 200 W each and are half idle."""
    root = folder / "host"
    for line in TREE.read_text("utf-8").splitlines():
        path, _, content = line.partition("\t")
        put(root / path, content.replace("\\n", "\n"))
    now = [0.0]

    def move(second: int) -> None:
        now[0] = float(second)
        for package in (0, 1):
            used_uj = (10**9 + 200_000_000 * second) % 262_143_328_850
            put(root / f"sys/class/powercap/intel-rapl:{package}/energy_uj", f"{used_uj}")
        put(root / "proc/stat", f"cpu  {100 * second} 0 0 {100 * second} 0 0 0 0 0 0")

    collector = HostCollector(
        NODE, RACK, air_inlet="nct6798/SYSTIN", root=root, clock=lambda: now[0]
    )
    try:
        yield Rig(collector, move)
    finally:
        collector.close()


def put(path: Path, content: str) -> None:
    """Write in place: what a reader holds open is the file, not its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+" if path.exists() else "w", encoding="utf-8") as file:
        file.truncate()
        file.write(f"{content}\n")


@contextmanager
def clock(_: Path) -> Iterator[Rig]:
    """A wall clock that somebody keeps right, until it is set."""
    now = {"second": 0, "set_s": 0.0}

    def clocks() -> Reading:
        s = 50.0 + now["second"]
        return Reading(T0 + s + now["set_s"], s, s, s)

    def provoke() -> tuple[str, str]:
        now["set_s"] += 5.0
        return "clock_step", NODE

    kernel = KernelClock(-2e-4, 0.02, 1e-3, synchronised=True)
    collector = ClockCollector(NODE, RACK, kernel=lambda: kernel, clocks=clocks)
    yield Rig(collector, lambda second: now.update(second=second), provoke)
    collector.close()


@contextmanager
def own(_: Path) -> Iterator[Rig]:
    """An agent that loses a tick and a frame every second."""
    counts = {"missed_ticks": 0, "records_spool_bytes": 0, "records_dropped_queue_full": 0}

    def move(second: int) -> None:
        counts.update(dict.fromkeys(counts, second))

    collector = OwnCollector(NODE, RACK, lambda: counts)
    yield Rig(collector, move)
    collector.close()


@contextmanager
def jobs(folder: Path) -> Iterator[Rig]:
    """A mapping folder with a job on the first of two GPUs."""
    mapping = folder / "mapping"
    mapping.mkdir()
    (mapping / "0").write_text("4711\n", "utf-8")
    gpus = [Gpu(gpu, index) for index, gpu in enumerate(IDS)]
    collector = JobsCollector(NODE, RACK, gpus, [MappingFolder(mapping)], wait_s=WAIT_S)

    def provoke() -> tuple[str, str]:
        (mapping / "1").write_text("815\n", "utf-8")
        return "job", IDS[1]

    try:
        yield Rig(collector, provoke=provoke)
    finally:
        collector.close()


@contextmanager
def kmsg(folder: Path) -> Iterator[Rig]:
    """A FIFO in the place of the kernel's log."""
    mkfifo(folder / "kmsg")
    # Both ends, so that it opens at once and no reader sees the end of it.
    fd = open_fd(folder / "kmsg", O_RDWR)

    def provoke() -> tuple[str, str]:
        write(fd, b"3,1,1000000,-;NVRM: Xid (PCI:0000:c1:00): 31, pid=1, name=python3, text\n")
        return "xid", IDS[1]

    gpus = {"0000:c1:00": IDS[1]}
    collector = KmsgCollector(NODE, gpus, XidOnce(), path=str(folder / "kmsg"), clock=lambda: T0)
    try:
        yield Rig(collector, provoke=provoke)
    finally:
        collector.close()
        close(fd)


@contextmanager
def modbus(_: Path) -> Iterator[Rig]:
    """The example's CDU on a server, without a sensor in its facility return."""
    device = Device()
    for address, value in enumerate((30.25, 41.5, 6.0, 2.0, 1.0, 0.25)):
        device.put(2 * address, ">f", value)
    for address, value in ((20, 2950), (21, 0), (22, 655), (23, 0), (24, 450)):
        device.put(address, ">H", value)
    device.holding[26:28] = [0x86A0, 0x0001]  # 100,000, the low word first
    device.put(100, ">h", 185, "input")
    device.put(102, ">h", 770, "input")
    device.refused[101] = ExcCodes.ILLEGAL_ADDRESS

    def move(second: int) -> None:
        device.holding[28:30] = [second % 2**16, 0]

    def provoke() -> tuple[str, str]:
        device.holding[30] = 1 << 3
        return "leak", MODBUS_CDU

    device.start()
    place = Place(MODBUS_CDU, "127.0.0.1", device.port, timeout_s=WAIT_S)
    collector = ModbusCollector([(place, load("example-cdu"))], wait_s=WAIT_S)
    try:
        yield Rig(collector, move, provoke)
    finally:
        collector.close()
        device.stop()


@contextmanager
def redfish_cdu(folder: Path) -> Iterator[Rig]:
    """A CDU's service that tells everything a standard CDU can."""
    with services.cdu(folder, values=services.VALUES) as cdu:

        def provoke() -> tuple[str, str]:
            cdu.values["leak"] = 1.0
            return "leak", services.CDU

        yield Rig(cdu.collector, provoke=provoke)


@contextmanager
def redfish_hgx(_: Path) -> Iterator[Rig]:
    """A node's own controller with its baseboard's GPUs."""
    docs = tree()
    (group,) = docs[f"{CHASSIS}/ThermalSubsystem/LeakDetection"]["LeakDetectorGroups"]

    def provoke() -> tuple[str, str]:
        group["Detectors"][0]["DetectorState"] = "Warning"
        return "leak", NODE

    with serve(Service({"": lambda: docs})) as address:
        options = Redfish(url=f"http://{address}", budget_s=WAIT_S)
        gpus = IDENTITIES[: len(IDS)]
        collector = RedfishHgxCollector(NODE, RACK, gpus, options, clock=services.Clock())
        try:
            yield Rig(collector, provoke=provoke)
        finally:
            collector.close()


def gathering(*members: Open) -> Open:
    """Several of them as one collector; what happens, happens to the first."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Rig]:
        with ExitStack() as stack:
            rigs = {m.__name__: stack.enter_context(m(folder)) for m in members}

            def move(second: int) -> None:
                for rig in rigs.values():
                    rig.move(second)

            of_each = {name: rig.collector for name, rig in rigs.items()}
            gathered = Gathering(of_each, deadline_s=WAIT_S)
            stack.callback(gathered.close)
            yield Rig(gathered, move, next(iter(rigs.values())).provoke)

    return opened
