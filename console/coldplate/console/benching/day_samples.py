"""What a fleet's day has of GPUs and coolant, continued to everything that a hall measures: plausible, not physical.

`FleetDay` makes what questions about GPUs need. Dashboards also show racks, nodes, halls, counters and pumps: those are made
here, by ClickHouse itself, from the powers that are there.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from coldplate.sinks.agreement import Between
from coldplate.sinks.client import Client
from coldplate.sinks.rebuild import make
from coldplate.sinks.rollups import STORED_TIERS, stats_name
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, raw_column

NOW_S = 240
"""Seconds of samples that are repeated as of now: views of now look back five minutes."""

Tell = Callable[[str, float], None]
_WAVE = "sin((toUnixTimestamp(t) % 86400) / {period} + device % 7)"
_AGE_S = "(toUnixTimestamp(t) % 1000000)"

RACK = {"rack_power_w": "1.17 * w", "feed_a_w": f"1.17 * w * (0.5 + 0.02 * {_WAVE.format(period=900)})", "feed_b_w": "1.17 * w - feed_a_w_v"}  # fmt: skip
HALL = {
    "hall_power_w": "1.3 * w", "facility_supply_c": f"26 + {_WAVE.format(period=14000)}",
    "grid_hz": f"50 + 0.02 * {_WAVE.format(period=40)}",
}  # fmt: skip
NODE = {
    "node_power_w": "1.12 * w + 400", "node_flow_lpm": "8", "air_inlet_c": f"24 + {_WAVE.format(period=9000)}",
    "cpu_power_w": "350", "cpu_c": "55", "cpu_util_ratio": "0.2", "mem_available_bytes": "1.2e12", "clock_offset_s": "1e-5",
    "clock_error_s": "1e-4", "clock_wrong": "0", "agent_cpu_ratio": f"0.012 + 0.002 * {_WAVE.format(period=500)}",
    "agent_rss_bytes": "9e7", "spool_bytes": f"4e4 * (1 + {_WAVE.format(period=300)})",
    "dropped_frames_total": f"intDiv({_AGE_S}, 40000) * (device % 40 = 0)", "missed_ticks_total": f"intDiv({_AGE_S}, 9000) * (device % 9 = 0)",
}  # fmt: skip
SLOW = {
    "power_limit_w": "700", "ecc_corrected_total": f"intDiv({_AGE_S}, 5000) * (device % 31 = 0)", "ecc_uncorrected_total": "0",
    "remap_corrected_total": "device % 97 = 0", "remap_uncorrected_total": "0", "remap_pending": "0", "remap_failed": "0", "recovery_action": "0",
    "pcie_gen": "5", "pcie_width": "if(device % 301 = 0, 8, 16)", "pcie_gen_max": "5", "pcie_width_max": "16",
    "pcie_replay_total": f"intDiv({_AGE_S}, 7000) * (device % 50 = 0)", "pcie_tx_bytes_total": f"1e9 * {_AGE_S}", "pcie_rx_bytes_total": f"1.1e9 * {_AGE_S}",
    "nvlink_errors_total": f"intDiv({_AGE_S}, 8000) * (device % 70 = 0)", "nvlink_tx_bytes_total": f"5e10 * {_AGE_S}", "nvlink_rx_bytes_total": f"5e10 * {_AGE_S}",
    "nvlink_active_links": "18", "power_violation_s_total": f"0.05 * {_AGE_S}", "thermal_violation_s_total": f"0.001 * {_AGE_S} * (device % 20 = 0)",
    "hw_thermal_s_total": f"0.0005 * {_AGE_S} * (device % 20 = 0)", "sw_thermal_s_total": f"0.001 * {_AGE_S} * (device % 20 = 0)", "power_brake_s_total": "0",
    "ecc_corrected_aggregate_total": "device % 1000", "ecc_uncorrected_aggregate_total": "0", "ecc_sram_uncorrected_total": "0", "ecc_dram_uncorrected_total": "0",
    "pcie_correctable_total": "device % 5", "pcie_fatal_total": "0", "needs_reset": "0", "gpu_max_c": "85", "slowdown_c": "87", "shutdown_c": "92",
    "hbm_max_c": "95", "slowdown_margin_c": "-2",
}  # fmt: skip
CDU = {
    "supply_kpa": f"310 + {_WAVE.format(period=700)}", "return_kpa": "180", "pump1_rpm": f"3000 + 20 * {_WAVE.format(period=300)}", "pump2_rpm": "2990",
    "pump1_w": "900", "pump2_w": "880", "filter_kpa_delta": f"18 + 6 * (device % 5) / 5 + {_AGE_S} / 1e6", "valve_ratio": f"0.55 + 0.1 * {_WAVE.format(period=5000)}",
    "reservoir_ratio": "0.8", "makeup_l_total": f"{_AGE_S} / 50000", "facility_supply_c": f"26 + {_WAVE.format(period=14000)}", "facility_return_c": "34",
    "facility_flow_lpm": "120", "leak": "0", "room_c": "25", "dew_point_c": f"14 + 2 * {_WAVE.format(period=20000)}", "heat_w": "40000", "room_rh_ratio": "0.5",
    "pump1_ratio": "0.7", "pump2_ratio": "0.7", "facility_supply_kpa": "400", "facility_return_kpa": "320", "conductivity_us_cm": "3", "coolant_ph": "8.2",
}  # fmt: skip


def add_samples(client: Client, begin: datetime, end: datetime, tell: Tell) -> None:
    """Make what is missing between two whole hours."""
    between = Between(begin, end)
    tables = {t.name: t for t in SAMPLE_TABLES}
    powers = f"SELECT device, t, power_w_mean AS w FROM gpu_10s WHERE {between.condition()}"
    for number, (name, group, values) in enumerate(
        (("rack", "rack", RACK), ("hall", "hall", HALL), ("node", "node", NODE))
    ):
        table = tables[f"{name}_samples"]
        if not _made(client, name, next(iter(values)), between):
            tell(f"rows: {table.name}", number / 10)
            source = (
                f"SELECT d.device AS device, g.t AS t, g.w AS w FROM (SELECT i.`{group}` AS place, p.t AS t, sum(p.w) AS w"
                f" FROM ({powers}) AS p INNER JOIN (SELECT device, `{group}` FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = p.device"
                f" GROUP BY place, t) AS g INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = '{name}') AS d ON d.id = g.place"
            )
            client.execute(f"TRUNCATE TABLE {table.name}")
            _insert(client, table, values, source, 10_000)
            _roll_up(client, table, between, tell)
    slow = tables["gpu_slow_samples"]
    if not _made(client, "gpu_slow", "power_limit_w", between):
        tell("rows: gpu_slow_samples", 0.4)
        source = f"SELECT DISTINCT device, t FROM gpu_1m_stats WHERE {between.condition()}"
        client.execute(f"TRUNCATE TABLE {slow.name}")
        _insert(client, slow, SLOW, source, 60_000)
        _roll_up(client, slow, between, tell)
    cdu = tables["cdu_samples"]
    if not _made(client, "cdu", "pump1_rpm", between):
        tell("rows: cdu_samples", 0.7)
        _widen(client, cdu, CDU)
        _roll_up(client, cdu, between, tell)


def add_now(client: Client) -> None:
    """The last minutes of every kind of device once more, so that they are of now."""
    for table in SAMPLE_TABLES:
        names = ", ".join(
            f"`{name}`"
            for name, kind in client.execute(
                "SELECT name, default_kind FROM system.columns WHERE database = currentDatabase() AND table = %(t)s",
                {"t": table.name},
            )
            if kind != "ALIAS" and name != "t"
        )
        # From before the last time that this was done.
        sql = f"SELECT toUnixTimestamp64Milli(max(t)) FROM {table.name} WHERE t < now64(3) - INTERVAL 1 HOUR"
        ((last_ms,),) = client.execute(sql)
        shift_s = int(time.time() - last_ms / 1000)
        client.execute(
            f"INSERT INTO {table.name} (t, {names}) SELECT t + INTERVAL {shift_s} SECOND, {names} FROM {table.name}"
            f" WHERE t > fromUnixTimestamp64Milli({last_ms - NOW_S * 1000}) AND t <= fromUnixTimestamp64Milli({last_ms})"
        )


def _made(client: Client, kind: str, metric: str, between: Between) -> bool:
    """Whether a metric is in the hours, which are made last: what was cut off before is made anew."""
    sql = f"SELECT countIf({metric}_count > 0) FROM {kind}_1h WHERE {between.condition()}"
    return bool(client.execute(sql)[0][0])


def _insert(
    client: Client, table: SampleTable, values: Mapping[str, str], source: str, tick_ms: int
) -> None:  # fmt: skip
    metrics = [m for m in table.metrics if m.name in values]
    present = sum(1 << m.number for m in metrics)
    named = ", ".join(f"{values[m.name]} AS {m.name}_v" for m in metrics)
    steps = ", ".join(f"round({m.name}_v / {m.kept_scale})" for m in metrics)
    raw = ", ".join(raw_column(m) for m in metrics)
    client.execute(
        f"INSERT INTO {table.name} (device, t, tick_ms, boot, seq, present, {raw})"
        f" SELECT device, t, {tick_ms}, 1, intDiv(toUnixTimestamp(t), 5), {present}, {steps} FROM (SELECT device, t, {named} FROM ({source}))"
    )


def _widen(client: Client, table: SampleTable, values: Mapping[str, str]) -> None:
    metrics = [m for m in table.metrics if m.name in values]
    bits = sum(1 << m.number for m in metrics)
    sets = ", ".join(f"{raw_column(m)} = round(({values[m.name]}) / {m.kept_scale})" for m in metrics)  # fmt: skip
    client.execute(
        f"ALTER TABLE {table.name} UPDATE present = bitOr(present, {bits}), {sets} WHERE 1 SETTINGS mutations_sync = 1"
    )


def _roll_up(client: Client, table: SampleTable, between: Between, tell: Tell) -> None:
    for tier in STORED_TIERS:
        stats = stats_name(table, tier)
        tell(f"rollups: {stats}", 0.5)
        client.execute(f"TRUNCATE TABLE {stats}")
        make(client, table, tier, stats, between)
