"""Flow through nodes and the racks' own meters, and when a rack was last heard of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.console.web.cells import I32, Ground, Index
from coldplate.console.web.connections import Ask
from coldplate.dashboards.web.channels import F32

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_NEWEST = (
    "SELECT device, toUnixTimestamp64Milli(t) AS t_ms, toFloat64(ifNull({metric}, nan)) AS value"
    " FROM {table} WHERE {where} ORDER BY device, t DESC LIMIT 1 BY device"
)
_MEANS = (
    "SELECT device, toInt64(toUnixTimestamp(t)) * 1000 AS t_ms, toFloat64(ifNull({metric}_mean, nan)) AS value"
    " FROM {table} WHERE {where}"
)


@dataclass(frozen=True)
class Racks:
    """What racks and nodes say besides their GPUs.

    Parameters
    ----------
    heard_ms
        By rack, newest sample of its coolant unit or meter; 0 for none.
    meter_w
        By rack; NaN where there is no meter.
    unit_lpm
        By rack, flow of its coolant unit.
    node_lpm
        By node, where it has a sensor of its own.
    """

    heard_ms: I64
    meter_w: F64
    unit_lpm: F64
    node_lpm: F64

    def flow(self, ground: Ground) -> F32:
        """By cell: of its node, otherwise the unit's divided by the rack's nodes."""
        if not len(ground.rack_of):
            return np.zeros(0, np.float32)
        shared = self.unit_lpm / np.maximum(ground.nodes_in, 1)
        own = np.full(len(ground.node_of), np.nan)
        if len(self.node_lpm):
            own = np.where(ground.node_of >= 0, self.node_lpm[ground.node_of], np.nan)
        return np.where(np.isnan(own), shared[ground.rack_of], own).astype(np.float32)


def racks_of(ask: Ask, ground: Ground, where: str, tier: str = "") -> Racks:
    """The newest of a window, or the means of a bucket.

    Parameters
    ----------
    where
        Which rows.
    tier
        End of a rollup's name; "" for samples.

    Raises
    ------
    Away
    """
    count = len(ground.floor.racks)
    heard = np.zeros(count, np.int64)

    def told(table: str, metric: str, index: Index, places: int) -> F64:
        sql, name = (_MEANS, f"{table}_{tier}") if tier else (_NEWEST, f"{table}_samples")
        found = ask.arrays(sql.format(table=name, metric=metric, where=where))
        at: I32 = index.find(found["device"]) if len(found["device"]) else np.zeros(0, np.int32)
        known = at >= 0
        values = np.full(places, np.nan)
        if known.any():
            values[at[known]] = found["value"][known]
            if table != "node":
                np.maximum.at(heard, at[known], found["t_ms"][known])
        return values

    nodes = len(ground.nodes.keys)
    return Racks(
        meter_w=told("rack", "rack_power_w", ground.meters, count),
        unit_lpm=told("cdu", "flow_lpm", ground.cdus, count),
        node_lpm=told("node", "node_flow_lpm", ground.nodes, nodes), heard_ms=heard,
    )  # fmt: skip
