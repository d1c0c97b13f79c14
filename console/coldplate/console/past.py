"""The history as a collector: what was sampled then is read tick by tick, as from devices."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.sinks.client import Client
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, raw_column
from coldplate.wire.inventory import Device, Inventory, device_key
from coldplate.wire.metric import CATALOGUE, Kind, Metric

CELLS_MAX = 200_000
"""Devices times ticks that are read at a time: some 100 MB."""

RACK_SHIFT = 40
"""Bits of a device's key below those of its rack."""

F64 = NDArray[np.float64]
_COLUMNS = "kind, id, parent, `index`, uuid, serial, hall, `row`"


def inventory_of(client: Client, racks: Sequence[str] = ()) -> Inventory:
    """The inventory that the history has; of some racks only where they are named.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    sql = f"SELECT rack, {_COLUMNS} FROM inventory FINAL ORDER BY kind, id"
    found = [(str(rack), Device(*line)) for rack, *line in client.execute(sql)]
    return Inventory(d for rack, d in found if not racks or not rack or rack in racks)


class PastCollector:
    """Devices of an inventory as they were between two times.

    Parameters
    ----------
    client
        Of the history.
    inventory
        Whose devices.
    tick_ms
        Length of a tick.
    racks
        Read only what these have; empty: everything. Of a large hall a few racks are a small part.
    """

    def __init__(
        self, client: Client, inventory: Inventory, tick_ms: int, racks: Sequence[str] = ()
    ) -> None:
        self._client, self._tick_ms = client, tick_ms
        self._within = _of_racks(racks)
        self.devices: Mapping[Kind, tuple[str, ...]] = {
            kind: ids for kind in Kind if (ids := tuple(d.id for d in inventory.of_kind(kind.word)))
        }
        self.sources: Sequence[Source] = ()
        self._place = {
            kind: {device_key(inventory.rack_of(d), d): i for i, d in enumerate(ids)}
            for kind, ids in self.devices.items()
        }
        widest = max((len(ids) for ids in self.devices.values()), default=1)
        self._ticks = max(1, CELLS_MAX // widest)
        self._read: dict[Kind, F64] = {}
        self._from_tick = -1

    def sample(self, tick_ms: int) -> Samples:
        """What the history has of a tick."""
        tick = tick_ms // self._tick_ms
        if self._from_tick < 0 or not 0 <= tick - self._from_tick < self._ticks:
            self._from_tick = tick
            self._read = self._window()
        return {kind: values[tick - self._from_tick] for kind, values in self._read.items()}

    def conditions(self) -> None:
        """All are heard as they should be."""

    def happenings(self) -> list[Happening]:
        """Events are a table of their own."""
        return []

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail without saying so."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """The history's."""
        return {}

    def close(self) -> None:
        """The client is the caller's."""

    def _window(self) -> dict[Kind, F64]:
        out = {
            kind: np.full((self._ticks, len(CATALOGUE[kind]), len(ids)), np.nan)
            for kind, ids in self.devices.items()
        }
        for table in SAMPLE_TABLES:
            if table.kind in out:
                self._fill(table, out[table.kind])
        return out

    def _fill(self, table: SampleTable, out: F64) -> None:
        begin = datetime.fromtimestamp(self._from_tick * self._tick_ms / 1000, UTC)
        end = begin + timedelta(milliseconds=self._ticks * self._tick_ms)
        raw = ", ".join(raw_column(m) for m in table.metrics)
        columns = self._client.columns(
            f"SELECT device, toUnixTimestamp64Milli(t) AS ms, present, {raw} FROM {table.name} "
            f"WHERE {self._within if table.kind is not Kind.HALL else ''}t >= toDateTime64('{begin:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC') "
            f"AND t < toDateTime64('{end:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
        )
        if not len(columns["device"]):
            return
        keys, inverse = np.unique(np.asarray(columns["device"]), return_inverse=True)
        place = self._place[table.kind]
        where = np.array([place.get(int(key), -1) for key in keys], np.int64)[inverse]
        ticks = np.asarray(columns["ms"]) // self._tick_ms - self._from_tick
        present = np.asarray(columns["present"])
        for metric in table.metrics:
            there = (present >> np.uint64(metric.number) & np.uint64(1)).astype(np.bool_)
            there &= where >= 0
            values = _physical(metric, np.asarray(columns[raw_column(metric)])[there])
            out[ticks[there], metric.number, where[there]] = values


def _of_racks(racks: Sequence[str]) -> str:
    """A condition on the key of a device, whose upper bits are its rack's: the tables are in its order."""
    firsts = [device_key(rack, "") >> RACK_SHIFT << RACK_SHIFT for rack in sorted(set(racks))]
    spans = [f"device BETWEEN {f} AND {f + (1 << RACK_SHIFT) - 1}" for f in firsts]
    return f"({' OR '.join(spans)}) AND " if spans else ""


def _physical(metric: Metric, steps: NDArray[np.generic]) -> F64:
    scale, per_unit = metric.kept_scale, round(1.0 / metric.kept_scale)
    whole = steps.astype(np.float64)
    return whole / per_unit if per_unit > 1 else whole * scale
