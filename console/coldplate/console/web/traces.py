"""A rack's power with the band it swings in, and a GPU's resistance, in as many steps as are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coldplate.console.looking import LEAST_W
from coldplate.console.querying import Asking
from coldplate.console.web.drift import HBM_W, SEEN_MIN
from coldplate.console.web.samples import window
from coldplate.sinks.rollups import TIERS, Tier

RAW_SPAN_MS = 2 * 3_600_000
"""Of a longer time, samples would be millions of rows."""

_OLDEST = "SELECT toUnixTimestamp64Milli(minOrNull(t)) FROM gpu_samples"
_DEVICES = "SELECT device FROM inventory FINAL WHERE rack = %(rack)s AND kind = %(kind)s"
_BAND = """
SELECT intDiv(ms - %(begin)s, %(step)s) AS n, avg(mean), min(low), max(high)
FROM
(
    SELECT {ms} AS ms, sum({mean}) AS mean, sum({low}) AS low, sum({high}) AS high FROM {table}
    WHERE device IN %(devices)s AND {where} GROUP BY ms
)
GROUP BY n ORDER BY n
"""
_METER = """
SELECT intDiv({ms} - %(begin)s, %(step)s) AS n, avg({mean}) FROM {table}
WHERE device IN %(devices)s AND {where} AND {mean} IS NOT NULL GROUP BY n ORDER BY n
"""
_RESISTANCE = f"""
SELECT intDiv(toInt64(toUnixTimestamp(g.t)) * 1000 - %(begin)s, %(step)s) AS n,
    quantileExact(0.5)((g.gpu_c_mean - c.supply_c) / g.power_w_mean), avg(g.power_w_mean), avg(ifNull(g.mem_util_ratio_mean, 0))
FROM gpu_{{word}} AS g
INNER JOIN
(
    SELECT t, avg(supply_c_mean) AS supply_c FROM cdu_{{word}}
    WHERE device IN %(cdus)s AND {{where}} AND supply_c_count > 0 GROUP BY t
) AS c ON c.t = g.t
WHERE g.device = %(device)s AND {{gwhere}} AND g.power_w_mean >= {LEAST_W} AND g.gpu_c_count > 0
GROUP BY n ORDER BY n
"""
_LINE = (
    "SELECT anyIf(value, name = 'slope'), anyIf(value, name = 'offset') FROM baselines_now"
    f" WHERE detector = 'thermal-path' AND id = %(id)s HAVING anyIf(value, name = 'seen') >= {SEEN_MIN}"
)

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Band:
    """A rack's power.

    Parameters
    ----------
    begin_ms, step_ms
        When the first step begins, how long each is.
    mean_w
        By its meter; without one, of its GPUs together.
    low_w, high_w
        The mean, and by how much its GPUs together go below and above theirs within ticks; None where absent.
    """

    begin_ms: int
    step_ms: int
    mean_w: Values
    low_w: Values
    high_w: Values

    def told(self) -> dict[str, Any]:
        """For the page."""
        return {
            "begin_ms": self.begin_ms, "step_ms": self.step_ms, "mean_w": list(self.mean_w),
            "low_w": list(self.low_w), "high_w": list(self.high_w),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Path:
    """A GPU's resistance, and what its baseline is at the power it had."""

    begin_ms: int
    step_ms: int
    k_per_w: Values
    baseline_k_per_w: float | None

    def told(self) -> dict[str, Any]:
        """For the page."""
        return {
            "begin_ms": self.begin_ms, "step_ms": self.step_ms, "k_per_w": list(self.k_per_w),
            "baseline_k_per_w": self.baseline_k_per_w,
        }  # fmt: skip


def power_of(asking: Asking, rack: str, begin_ms: int, end_ms: int, steps: int) -> Band:
    """Read it.

    Raises
    ------
    Failure
        No rack is called so, or the history cannot be asked.
    """
    asking.check_known("rack", rack)
    step_ms = max(1000, -(-(end_ms - begin_ms) // steps))
    oldest_ms = asking.query(_OLDEST).rows[0][0]
    tier = None
    if end_ms - begin_ms > RAW_SPAN_MS or oldest_ms is None or begin_ms < oldest_ms:
        tier = tier_for(step_ms)
        step_ms = max(step_ms, 1000 * tier.seconds)
    count = -(-(end_ms - begin_ms) // step_ms)
    given: dict[str, Any] = {"begin": begin_ms, "step": step_ms}
    ms, where, word = _of_time(tier, begin_ms, end_ms)

    def asked(kind: str, sql: str, **names: str) -> Sequence[tuple[Any, ...]]:
        found = asking.query(_DEVICES, {"rack": rack, "kind": kind}).rows
        devices = [device for (device,) in found]
        text = sql.format(ms=ms, where=where, table=f"{kind}_{word}", **names)
        return asking.query(text, {**given, "devices": devices}).rows if devices else ()

    def name(metric: str, statistic: str) -> str:
        return metric if tier is None else f"{metric}_{statistic}"

    gpus = asked(
        "gpu", _BAND, mean=name("power_w", "mean"), low=name("power_min_w", "min"), high=name("power_max_w", "max")
    )  # fmt: skip
    meter = asked("rack", _METER, mean=name("rack_power_w", "mean"))
    own, low, high = (_placed(gpus, column, count) for column in (1, 2, 3))
    mean = _placed(meter, 1, count) if meter else own
    return Band(begin_ms, step_ms, mean, _about(mean, own, low), _about(mean, own, high))


def _about(mean: Values, own: Values, edge: Values) -> list[float | None]:
    """An edge of the GPUs' power about the rack's, which has more than GPUs."""
    return [
        None if m is None or o is None or e is None else m + e - o
        for m, o, e in zip(mean, own, edge, strict=True)
    ]


def resistance_of(asking: Asking, gpu: str, begin_ms: int, end_ms: int, steps: int) -> Path:
    """Read it, of minutes, or of hours for long times.

    Raises
    ------
    Failure
        No GPU is called so, or the history cannot be asked.
    """
    asking.check_known("gpu", gpu)
    step_ms = max(1000, -(-(end_ms - begin_ms) // steps))
    tier = max(tier_for(step_ms), TIERS[1], key=lambda t: t.seconds)
    step_ms = max(step_ms, 1000 * tier.seconds)
    sql = "SELECT device, rack FROM inventory FINAL WHERE id = %(id)s AND kind = 'gpu'"
    ((device, rack),) = asking.query(sql, {"id": gpu}).rows
    cdus = [d for (d,) in asking.query(_DEVICES, {"rack": rack, "kind": "cdu"}).rows]
    rows: Sequence[tuple[Any, ...]] = ()
    if cdus:
        _, where, word = _of_time(tier, begin_ms, end_ms)
        text = _RESISTANCE.format(word=word, where=where, gwhere=where.replace("t ", "g.t "))
        given: Mapping[str, Any] = {
            "begin": begin_ms,
            "step": step_ms,
            "device": device,
            "cdus": cdus,
        }
        rows = asking.query(text, given).rows
    values = _placed(rows, 1, -(-(end_ms - begin_ms) // step_ms))
    return Path(begin_ms, step_ms, values, _baseline(asking, gpu, rows))


def tier_for(step_ms: int) -> Tier:
    """The longest rollup that is no longer than a step; the finest for short ones.

    Examples
    --------
    >>> [tier_for(ms).word for ms in (1000, 60_000, 600_000, 7_200_000)]
    ['10s', '1m', '1m', '1h']
    """
    return next((t for t in reversed(TIERS) if 1000 * t.seconds <= step_ms), TIERS[0])


def _of_time(tier: Tier | None, begin_ms: int, end_ms: int) -> tuple[str, str, str]:
    """Milliseconds of a row, which rows, and the end of the table's name."""
    if tier is None:
        return "toUnixTimestamp64Milli(t)", window(begin_ms - 1, end_ms - 1), "samples"
    first = f"t >= toDateTime({-(-begin_ms // 1000)})"
    return "toInt64(toUnixTimestamp(t)) * 1000", f"{first} AND t < toDateTime({end_ms // 1000})", tier.word  # fmt: skip


def _baseline(asking: Asking, gpu: str, rows: Sequence[tuple[Any, ...]]) -> float | None:
    line = asking.query(_LINE, {"id": gpu}).rows
    if not line or not rows:
        return None
    slope, offset = line[0]
    power_w = sum(float(r[2]) for r in rows) / len(rows)
    util = sum(float(r[3]) for r in rows) / len(rows)
    return (float(slope) * (power_w - HBM_W * util) + float(offset)) / power_w


def _placed(rows: Sequence[tuple[Any, ...]], column: int, count: int) -> list[float | None]:
    out: list[float | None] = [None] * count
    for row in rows:
        if 0 <= row[0] < count and row[column] is not None:
            out[row[0]] = float(row[column])
    return out
