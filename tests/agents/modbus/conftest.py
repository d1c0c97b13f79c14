"""A real Modbus server (pymodbus), in a thread of its own, whose registers a test may change."""

import asyncio
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HIGHEST = 600


@dataclass
class Device:
    """A device with 600 registers in each table; what it must not have is answered with an exception code."""

    holding: list[int] = field(default_factory=lambda: [0] * HIGHEST)
    input: list[int] = field(default_factory=lambda: [0] * HIGHEST)
    discrete: set[int] = field(default_factory=set)
    refused: dict[int, ExcCodes] = field(default_factory=dict)
    """Code by address: any request that touches it is refused."""
    slow_s: float = 0.0
    slow_functions: tuple[int, ...] = (1, 2, 3, 4)
    count_max: int = 125
    requests: list[tuple[int, int, int]] = field(default_factory=list)
    in_flight: int = 0
    in_flight_max: int = 0
    port: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _server: ModbusTcpServer | None = None
    _thread: threading.Thread | None = None

    def put(self, address: int, form: str, value: float, table: str = "holding") -> None:
        words = struct.unpack(f">{struct.calcsize(form) // 2}H", struct.pack(form, value))
        getattr(self, table)[address : address + len(words)] = words

    async def act(
        self, function: int, start: int, address: int, count: int, registers: list[int], _: object
    ) -> ExcCodes | None:
        self.requests.append((function, address, count))
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        try:
            if self.slow_s and function in self.slow_functions:
                await asyncio.sleep(self.slow_s)
        finally:
            self.in_flight -= 1
        if function in (1, 2):
            wet = sum(1 << a for a in self.discrete)
            registers[0] = wet & 0xFFFF
            return self.refused.get(address)
        for at in range(address, address + count):
            if at in self.refused:
                return self.refused[at]
        if count > self.count_max:
            return ExcCodes.ILLEGAL_VALUE
        of = self.holding if function == 3 else self.input
        registers[address - start : address - start + count] = of[address : address + count]
        return None

    def start(self) -> None:
        ready = threading.Event()

        async def serve() -> None:
            words = SimData(0, values=[0] * HIGHEST, datatype=DataType.REGISTERS)
            bits = SimData(0, values=[False] * 16, datatype=DataType.BITS)
            device = SimDevice(1, simdata=([bits], [bits], [words], [words]), action=self.act)
            server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
            await server.serve_forever(background=True)
            self.port = server.transport.sockets[0].getsockname()[1]
            self._server, self._loop = server, asyncio.get_running_loop()
            ready.set()
            await server.serving

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        if self._server is None:
            return
        assert self._loop is not None
        assert self._thread is not None
        asyncio.run_coroutine_threadsafe(self._server.shutdown(), self._loop).result(5)
        self._thread.join(5)
        self._server = None


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def more_devices() -> Iterator[Callable[[], Device]]:
    made: list[Device] = []

    def make() -> Device:
        made.append(Device())
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def now_ms() -> int:
    return int(time.time()) * 1000
