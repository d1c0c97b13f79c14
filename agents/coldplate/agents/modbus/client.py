"""A connection to one Modbus TCP device; the only file that knows pymodbus.

One request at a time, as the specification's implementation guide asks of clients of simple devices, and no retry:
the next poll is one. After a time-out the connection is closed, so that a late answer cannot be taken for the next.
"""

import logging

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from coldplate.agents.modbus.errors import ModbusError
from coldplate.agents.modbus.registers import BIT_TABLES, Table

# It reports every failed connection as an error of its own; we say once that a device is away.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

CODES = {
    1: "illegal function", 2: "illegal address", 3: "illegal value", 4: "device failure",
    5: "acknowledged, still at it", 6: "busy", 10: "gateway has no path", 11: "gateway got no answer",
}  # fmt: skip
"""Exception codes (MODBUS Application Protocol 1.1b3, section 7)."""


class Client:
    """Reads registers and bits; connects when it has to.

    Parameters
    ----------
    host, port, device_id
        Address; `device_id` (unit identifier) matters behind a gateway.
    timeout_s
        Of connecting, and of each answer.

    Notes
    -----
    Made and used within one running event loop.
    """

    def __init__(self, host: str, port: int, device_id: int, timeout_s: float) -> None:
        self._at = f"{host}:{port}"
        self._host, self._port, self._device_id = host, port, device_id
        self._timeout_s = timeout_s
        self._client: AsyncModbusTcpClient | None = None

    async def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers as 0 to 65535, or bits as 0 and 1.

        Raises
        ------
        ModbusError
            With its reason.
        """
        client = await self._connected()
        try:
            answer = await self._ask(client, table, address, count)
        except ModbusException as error:
            alive = client.connected
            self.close()
            if isinstance(error, ConnectionException) or not alive:
                raise ModbusError("unreachable", f"{self._at}: the connection was lost") from None
            raise ModbusError(
                "timeout", f"{self._at}: no answer in {self._timeout_s:g} s"
            ) from None
        if isinstance(answer, ExceptionResponse):
            code = answer.exception_code
            text = f"{self._at}: {table} {address}+{count}: {CODES.get(code, 'exception')} ({code})"
            raise ModbusError("refused", text, code)
        got = [int(x) for x in (answer.bits if table in BIT_TABLES else answer.registers)]
        if len(got) < count:
            self.close()
            raise ModbusError("error", f"{self._at}: {len(got)} values for {count}")
        return got[:count]

    def close(self) -> None:
        """Close the connection; the next reading opens it."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None and not self._client.connected:
            self.close()
        if self._client is None:
            client = AsyncModbusTcpClient(
                self._host, port=self._port, timeout=self._timeout_s, retries=0, reconnect_delay=0
            )
            if not await client.connect():
                client.close()
                raise ModbusError("unreachable", f"{self._at}: no connection")
            self._client = client
        return self._client

    async def _ask(
        self, client: AsyncModbusTcpClient, table: Table, address: int, count: int
    ) -> ModbusPDU:
        ask = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }[table]
        return await ask(address, count=count, device_id=self._device_id)
