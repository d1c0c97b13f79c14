"""The hall out of the history: sums by rack made there, details only of what is looked at.

Asked as `coldplate_reader`. The samples themselves are asked rather than the views of now: these join each of 100,000 GPUs
with the inventory and look back five minutes, which is no question for every second.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from coldplate.console.live.load import Load
from coldplate.console.live.opened import opened
from coldplate.console.live.picture import (
    STALE_S,
    Away,
    Detail,
    Gpu,
    Hall,
    Rack,
    Series,
    Shown,
    Step,
    Values,
)
from coldplate.console.live.places import LINES, Places, places
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.metric import CATALOGUE, Kind

FIRST_S = 300.0
"""How far the first look goes back: what has just fallen silent is shown as it was."""

PLACES_S = 60.0
"""How long the inventory is taken to be the same."""

SERIES_S = 600
FOUND_MAX = 50
SLOW_S = 120
CONNECT_S, ANSWER_S = 3.0, 10.0

WATER = (
    "supply_c", "return_c", "flow_lpm", "supply_kpa", "return_kpa", "pump1_rpm", "pump2_rpm",
    "filter_kpa_delta", "valve_ratio", "reservoir_ratio", "leak", "heat_w", "room_c", "dew_point_c",
)  # fmt: skip
SERIES_OF_RACK = ("power_w", "flow_lpm", "gpu_c", "margin_c")
SERIES_OF_GPU = ("power_w", "gpu_c", "hbm_c", "margin_c", "sm_clock_mhz", "gpu_util_ratio")
FAST = tuple(m.name for m in CATALOGUE[Kind.GPU] if m.rate == "fast")
SLOW = tuple(m.name for m in CATALOGUE[Kind.GPU] if m.rate == "slow")
GRID = ("power_w", "gpu_c", "margin_c", "clock_event_reasons")

# Held down by temperature (software, hardware) or by the power brake, as in the view `throttling_now`.
THROTTLED = 0xE0


class History:
    """`Source` over one connection.

    Parameters
    ----------
    settings
        Where.
    """

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._client = Client(settings, connect_s=CONNECT_S, answer_s=ANSWER_S)
        self._places, self._places_s = Places(), -PLACES_S
        self._racks: dict[str, Rack] = {}
        self._load = Load()
        self._back_s = FIRST_S

    def hall(self) -> Hall:
        """All racks; what fell silent since the first look stays as it was last."""
        if time.monotonic() - self._places_s >= PLACES_S:
            self._places = places(self._ask(LINES))
            self._places_s = time.monotonic()
        window = f"t > now64(3) - INTERVAL {round(self._back_s * 1000)} MILLISECOND AND t <= now64(3) + INTERVAL 5 SECOND"
        # A first look that takes too long is not made again.
        self._back_s = STALE_S
        seen = self._gpus(window)
        water, meters = self._water(window), self._meters(window)
        ((now_ms,),) = self._ask("SELECT toUnixTimestamp64Milli(now64(3))")
        racks = []
        for place in self._places.racks:
            known = self._racks.get(place.id, place)
            parts = [p[place.id] for p in (seen, water, meters) if place.id in p]
            new = {k: v for part in parts for k, v in part.items() if v is not None}
            if parts:
                new["t_ms"] = max(part["t_ms"] for part in parts)
            racks.append(replace(known, hall=place.hall, row=place.row, gpus=place.gpus, **new))
        self._racks = {rack.id: rack for rack in racks}
        newest = max((r.t_ms for r in racks if r.t_ms is not None), default=None)
        if newest is None:
            # Nothing came for long: since when is known from the parts, without reading a row.
            ((newest,),) = self._ask("SELECT toUnixTimestamp64Milli(maxOrNull(t)) FROM gpu_samples")
        power_w, ramp_w_s, over_s = self._power(racks, now_ms)
        _, incidents = opened(self._named, self._places.racks, now_ms)
        return Hall(now_ms, newest, racks, incidents, power_w, ramp_w_s, over_s)

    def detail(self, shown: Shown) -> Detail:
        """What is looked at."""
        series: Mapping[str, Series] = {}
        values: dict[str, float] = {}
        if shown.gpu:
            series, values = self._gpu(shown.gpu)
        elif shown.rack:
            series = self._series_of_rack(shown.rack)
        return Detail(
            shown,
            self._grids(shown.racks) if shown.racks else {},
            series,
            values,
            self._steps(shown.incident) if shown.incident else (),
            self._found(shown.search) if shown.search else (),
        )

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()

    def _gpus(self, window: str) -> dict[str, dict[str, Any]]:
        rows = self._ask(
            f"SELECT key, toUnixTimestamp64Milli(max(last)), count(), countIf(bitAnd(v.4, {THROTTLED}) != 0),"
            " sum(v.1), max(v.2), min(v.3) FROM"
            f" (SELECT device, {self._places.key_sql} AS key, max(t) AS last,"
            f" argMax(tuple({', '.join(GRID[:3])}, clock_event_reasons), t) AS v"
            f" FROM gpu_samples WHERE {window} GROUP BY device) GROUP BY key"
        )
        out: dict[str, dict[str, Any]] = {}
        for key, t_ms, seen, throttled, power_w, gpu_c, margin_c in rows:
            rack = self._places.by_key.get(key)
            if rack is not None:
                values = {
                    "t_ms": t_ms, "seen": seen, "throttled": throttled, "power_w": power_w,
                    "gpu_c": gpu_c, "margin_c": margin_c,
                }  # fmt: skip
                out[rack] = _added(out[rack], values) if rack in out else values
        return out

    def _water(self, window: str) -> dict[str, dict[str, Any]]:
        rows = self._ask(
            f"SELECT {self._places.key_sql} AS key, toUnixTimestamp64Milli(max(t)), argMax(tuple({', '.join(WATER)}), t)"
            f" FROM cdu_samples WHERE {window} GROUP BY key"
        )
        return {
            rack: {"t_ms": t_ms, "water": _present(WATER, values)}
            for key, t_ms, values in rows
            if (rack := self._places.by_key.get(key)) is not None
        }

    def _meters(self, window: str) -> dict[str, dict[str, Any]]:
        rows = self._ask(
            f"SELECT {self._places.key_sql} AS key, toUnixTimestamp64Milli(max(t)), argMax(tuple(rack_power_w), t).1"
            f" FROM rack_samples WHERE {window} GROUP BY key"
        )
        return {
            rack: {"t_ms": t_ms, "power_w": power_w}
            for key, t_ms, power_w in rows
            if (rack := self._places.by_key.get(key)) is not None
        }

    def _power(
        self, racks: Iterable[Rack], now_ms: int
    ) -> tuple[float | None, float | None, float]:
        known = [r.power_w for r in racks if r.power_w is not None and not r.silent(now_ms)]
        return self._load.now(self._ask, sum(known) if known else None, now_ms)

    def _named(self, sql: str) -> list[dict[str, Any]]:
        names, rows = self._asked(sql)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _grids(self, racks: Sequence[str]) -> dict[str, list[Gpu]]:
        rows = self._ask(
            "SELECT id, node, rack, s.ms, s.v FROM"
            " (SELECT device, id, node, rack, `index` FROM inventory FINAL WHERE kind = 'gpu' AND rack IN %(racks)s) AS i"
            " LEFT JOIN (SELECT device, toUnixTimestamp64Milli(max(t)) AS ms,"
            f" argMax(tuple({', '.join(GRID)}), t) AS v FROM gpu_samples"
            f" WHERE t > now64(3) - INTERVAL {round(FIRST_S)} SECOND AND device IN"
            " (SELECT device FROM inventory FINAL WHERE kind = 'gpu' AND rack IN %(racks)s) GROUP BY device) AS s"
            " ON s.device = i.device ORDER BY rack, length(node), node, `index`",
            {"racks": list(racks)},
        )
        out: dict[str, list[Gpu]] = {rack: [] for rack in racks}
        for id_, node, rack, ms, values in rows:
            out[rack].append(Gpu(id_, node, ms or None, _present(GRID, values)))
        return out

    def _series_of_rack(self, rack: str) -> dict[str, Series]:
        """In steps of ten seconds: the meter's mean, the flow, the hottest GPU and the least margin."""
        step, back = (
            "toUnixTimestamp(toStartOfInterval(t, INTERVAL 10 SECOND))",
            f"t > now64(3) - INTERVAL {SERIES_S} SECOND",
        )
        devices = (
            "device IN (SELECT device FROM inventory FINAL WHERE rack = %(rack)s AND kind = '{}')"
        )
        asked = (
            (("power_w",), "avg(rack_power_w)", "rack_samples", "rack"),
            (("flow_lpm",), "avg(flow_lpm)", "cdu_samples", "cdu"),
            (("gpu_c", "margin_c"), "max(gpu_c), min(margin_c)", "gpu_samples", "gpu"),
        )
        out: dict[str, Series] = {}
        for names, what, table, kind in asked:
            rows = self._ask(
                f"SELECT {step} AS s, {what} FROM {table} WHERE {back} AND {devices.format(kind)} GROUP BY s ORDER BY s",
                {"rack": rack},
            )
            out |= _series(names, [(s * 1000, *values) for s, *values in rows])
        return out

    def _gpu(self, gpu: str) -> tuple[dict[str, Series], dict[str, float]]:
        device = "device = (SELECT device FROM inventory FINAL WHERE id = %(gpu)s AND kind = 'gpu' LIMIT 1)"
        rows = self._ask(
            f"SELECT toUnixTimestamp64Milli(t), {', '.join(SERIES_OF_GPU)} FROM gpu_samples"
            f" WHERE t > now64(3) - INTERVAL {SERIES_S} SECOND AND {device} ORDER BY t",
            {"gpu": gpu},
        )
        values: dict[str, float] = {}
        for table, names, back_s in (
            ("gpu_slow_samples", SLOW, SLOW_S),
            ("gpu_samples", FAST, FIRST_S),
        ):
            columns = ", ".join(f"argMax({name}, t)" for name in names)
            for row in self._ask(
                f"SELECT {columns} FROM {table} WHERE t > now64(3) - INTERVAL {round(back_s)} SECOND AND {device}",
                {"gpu": gpu},
            ):
                values |= _present(names, row)
        return _series(SERIES_OF_GPU, rows), values

    def _steps(self, incident: str) -> list[Step]:
        rows = self._ask(
            "SELECT toUnixTimestamp64Milli(updated_at), severity, state, why, evidence FROM incidents FINAL"
            " WHERE id = %(id)s ORDER BY step LIMIT 200",
            {"id": incident},
        )
        return [Step(t, sev, state, why, _evidence(lines)) for t, sev, state, why, lines in rows]

    def _found(self, part: str) -> list[tuple[str, str, str]]:
        rows = self._ask(
            "SELECT kind, id, rack FROM inventory FINAL WHERE kind IN ('rack', 'gpu')"
            " AND positionCaseInsensitiveUTF8(id, %(part)s) > 0"
            f" ORDER BY kind = 'gpu', length(id), id LIMIT {FOUND_MAX}",
            {"part": part},
        )
        return [(str(kind), str(id_), str(rack)) for kind, id_, rack in rows]

    def _ask(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._asked(sql, parameters)[1]

    def _asked(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            return self._client.query(sql, parameters)
        except HistoryError as error:
            raise Away(str(error)) from None


def _added(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Two parts of a rack as one."""
    how = {"t_ms": max, "gpu_c": max, "margin_c": min}
    both = {k: [v for v in (a[k], b[k]) if v is not None] for k in a}
    return {k: how.get(k, sum)(v) if v else None for k, v in both.items()}


def _present(names: Sequence[str], values: Iterable[float | None]) -> Values:
    return {n: float(v) for n, v in zip(names, values, strict=True) if v is not None}


def _series(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Series]:
    return {
        name: [(row[0], float(row[n])) for row in rows if row[n] is not None]
        for n, name in enumerate(names, 1)
    }


def _evidence(lines: Sequence[str]) -> list[Mapping[str, Any]]:
    out: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            out.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError:
            out.append({"note": line})
    return out
