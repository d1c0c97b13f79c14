"""What the benchmark of the history asks, in SQL and, where it can say it, in PromQL; and in which time it should be answered."""

from collections.abc import Callable
from dataclasses import dataclass

from coldplate.console.benching.fleet_day import FleetDay
from coldplate.sinks.tables import SAMPLE_TABLES, raw_column
from coldplate.wire.inventory import device_key

VM_METRICS = (
    "power_w",
    "gpu_c",
    "hbm_c",
    "margin_c",
    "sm_clock_mhz",
    "gpu_util_ratio",
    "swing_w",
    "energy_j",
)
"""The eight columns that the peer gets."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question.

    Parameters
    ----------
    name
        In the result.
    target_ms
        Median, warm, in which it should be answered.
    sql
        For ClickHouse; `numbers` says that every column of the answer is one.
    path
        For VictoriaMetrics, its HTTP API's; "" where it cannot say it, with the reason in `why`.
    """

    name: str
    target_ms: float
    sql: str
    numbers: bool
    path: str = ""
    why: str = ""


def questions(day: FleetDay, begin_s: int, quote: Callable[[str], str]) -> tuple[Asked, ...]:
    """All six; `quote` makes text fit for a URL."""
    end_s = begin_s + day.seconds
    rack = "rack-0000"
    gpus = [f"{rack}/node-{n}/gpu-{g}" for n in range(8) for g in range(8)]
    keys = sorted(device_key(rack, gpu) for gpu in gpus)
    between = f"t >= toDateTime({begin_s}, 'UTC') AND t < toDateTime({end_s}, 'UTC')"
    six_s = max(begin_s, end_s - 6 * 3600)
    six = f"t >= toDateTime({six_s}, 'UTC') AND t < toDateTime({end_s}, 'UTC')"
    everything = ", ".join(raw_column(m) for m in SAMPLE_TABLES[0].metrics)
    whole = f'{{device="{keys[0]}"}}'
    of_rack = f'avg_over_time(gpu_gpu_c{{device=~"{"|".join(map(str, keys))}"}}[10s])'
    return (
        Asked(
            "gpu_day", 60.0,
            "SELECT toUnixTimestamp64Milli(t) AS ms, present, "
            f"{everything} FROM gpu_samples WHERE device = {keys[0]} AND {between}", True,
            f"/api/v1/export?match[]={quote(whole)}&start={begin_s}&end={end_s - 1}",
        ),
        Asked(
            "hottest_100", 50.0, "SELECT id, margin_c, gpu_c, power_w FROM hottest LIMIT 100", False,
            f"/api/v1/query?query={quote('bottomk(100, gpu_margin_c)')}&time={end_s - 1}",
        ),
        Asked(
            "rack_6h_10s", 100.0,
            "SELECT device, t, gpu_c_mean, power_w_mean, margin_c_min FROM gpu_10s "
            f"WHERE device BETWEEN {keys[0]} AND {keys[-1]} AND {six}", False,
            f"/api/v1/query_range?query={quote(of_rack)}&start={six_s}&end={end_s}&step=10s",
        ),
        Asked(
            "fleet_percentiles", 300.0,
            "SELECT toStartOfInterval(t, INTERVAL 10 MINUTE) AS at, "
            f"quantiles(0.01, 0.5, 0.99)(margin_c_min) FROM gpu_1m WHERE {between} GROUP BY at ORDER BY at", False,
            f"/api/v1/query_range?query={quote('quantile(0.01, min_over_time(gpu_margin_c[10m]))')}"
            f"&start={begin_s}&end={end_s}&step=10m",
        ),
        Asked(
            "energy_by_job", 300.0, "SELECT job, sum(kwh) FROM energy_by_job GROUP BY job", False,
            why="jobs are no label of its series; with one they multiply",
        ),
        Asked(
            "resistance_drift", 2000.0,
            "SELECT gpu, max(k_per_w) - min(k_per_w) FROM thermal_resistance_daily GROUP BY gpu", False,
            why="a GPU's rack and its coolant unit are no labels of its series",
        ),
    )  # fmt: skip
