"""CDUs, manifolds and plant points over Modbus TCP, as map files describe them; hundreds from one thread.

At a tick the polls that are due begin, at most one a device at a time. Who answers within `wait_s` is in that tick's
sample. What a slower device answers is in the sample after it has come, once: it was read since the last one. A device
that was too slow the last time is not waited for again, so that one of them does not make every frame late.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.agents.modbus.place import Asking, Place
from coldplate.agents.modbus.registers import RegisterMap
from coldplate.agents.modbus.unit import Unit
from coldplate.wire.metric import CATALOGUE, Kind


class ModbusCollector:
    """Polls Modbus devices.

    Parameters
    ----------
    places
        The devices, each with its map; several with the same map share it.
    wait_s
        How long a sample waits for answers; below the deadline of who asks for it.
    on_happening
        Told at once, from the thread of the polls, of what `happenings` gives too.
    connect
        Makes the client of a device; None: pymodbus.

    Raises
    ------
    ValueError
        When two devices have one id.
    """

    def __init__(
        self,
        places: Sequence[tuple[Place, RegisterMap]],
        *,
        wait_s: float = 0.4,
        on_happening: Callable[[Happening], None] | None = None,
        connect: Callable[[Place], Asking] | None = None,
    ) -> None:
        connect = connect or _pymodbus
        self._units = [Unit(p, m, connect, on_happening=on_happening) for p, m in places]
        self._of_kind: dict[Kind, list[Unit]] = {}
        for unit in self._units:
            self._of_kind.setdefault(unit.registers.kind, []).append(unit)
        self.devices: Mapping[Kind, tuple[str, ...]] = {
            kind: tuple(u.place.id for u in units) for kind, units in self._of_kind.items()
        }
        ids = [u.place.id for u in self._units]
        if twice := {i for i in ids if ids.count(i) > 1}:
            raise ValueError(f"two Modbus devices are called {min(twice)}; rename one")
        self.sources: Sequence[Source] = tuple(
            Source(u.source, u.rack, {kind: range(i, i + 1)})
            for kind, units in self._of_kind.items()
            for i, u in enumerate(units)
        )
        self._wait_s = wait_s
        self._done = threading.Condition()
        self._awaited: set[Unit] = set()
        self._polling: set[Unit] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modbus", daemon=True)
        self._thread.start()

    def sample(self, tick_ms: int) -> Samples:
        """What was read since the last call, after up to `wait_s`."""
        with self._done:
            due = [u for u in self._units if u not in self._polling and u.due(tick_ms)]
            self._polling.update(due)
            self._awaited = {u for u in due if u.punctual}
            if due:
                self._loop.call_soon_threadsafe(self._begin, due, tick_ms)
            self._done.wait_for(lambda: not self._awaited, self._wait_s)
            for unit in self._awaited:
                unit.punctual = False
            self._awaited = set()
        out = {}
        for kind, units in self._of_kind.items():
            values = np.full((len(CATALOGUE[kind]), len(units)), np.nan)
            for i, unit in enumerate(units):
                if (fresh := unit.take()) is not None:
                    values[:, i] = fresh
            out[kind] = values
        return out

    def conditions(self) -> Conditions | None:
        """As they should be."""
        return None

    def happenings(self) -> list[Happening]:
        """Leaks, and devices that went or came back."""
        return [h for u in self._units for h in u.happenings()]

    def health(self) -> Sequence[Health]:
        """One a device."""
        return [u.health() for u in self._units]

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Registers of each device."""
        return {u.place.id: u.origins() for u in self._units}

    def close(self) -> None:
        """End the polls and close the connections."""
        if self._loop.is_closed():
            return
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(2.0)
        except TimeoutError:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)
        if not self._thread.is_alive():
            self._loop.close()

    def _begin(self, units: Sequence[Unit], tick_ms: int) -> None:
        for unit in units:
            task = self._loop.create_task(self._poll(unit, tick_ms))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _poll(self, unit: Unit, tick_ms: int) -> None:
        began_s = time.monotonic()
        try:
            await unit.poll(tick_ms)
        except Exception as error:  # noqa: BLE001  one device must not end the others' polls: counted and named
            unit.broke(tick_ms, error)
        with self._done:
            self._polling.discard(unit)
            if unit in self._awaited:
                self._awaited.discard(unit)
            else:
                unit.punctual = time.monotonic() - began_s < self._wait_s / 2
            if not self._awaited:
                self._done.notify_all()

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for unit in self._units:
            unit.close()
        # Transports close in the next round of the loop.
        await asyncio.sleep(0)


def _pymodbus(place: Place) -> Asking:
    # Imported late: 0.1 s that a node without Modbus devices does not spend, and it may not even be installed.
    from coldplate.agents.modbus.client import Client  # noqa: PLC0415

    return Client(place.host, place.port, place.device_id, place.timeout_s)
