"""Pictures of the history: temperatures, water and power of a GPU, a rack or a hall, with what was wrong marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.failure import Failure
from coldplate.console.querying import Asking

F64 = NDArray[np.float64]
TIERS = (("10s", 6 * 3600.0), ("1m", 4 * 86_400.0), ("1h", float("inf")))
"""The rollup that is drawn, up to which length of time: some 2,000 to 6,000 points at most."""

LABELS_MAX = 8
_INK, _HOT, _COLD, _GREY, _HBM = "#1f4e79", "#c0392b", "#2e86c1", "#7f8c8d", "#d68910"
_SHADE = {"critical": _HOT, "warning": _HBM}

_GPUS = """
SELECT t, avg(gpu_c_mean) AS gpu_c, max(gpu_c_max) AS hottest_c, max(hbm_c_max) AS hbm_c, min(margin_c_min) AS margin_c,
    sum(power_w_mean) AS power_w, min(power_min_w_min) AS lowest_w, max(power_max_w_max) AS highest_w
FROM gpu_{tier}
WHERE device IN (SELECT device FROM inventory FINAL WHERE kind = 'gpu' AND {column} = %(subject)s) AND t >= %(begin)s AND t < %(end)s
GROUP BY t ORDER BY t
"""
_WATER = """
SELECT t, avg(supply_c_mean) AS supply_c, avg(return_c_mean) AS return_c, sum(flow_lpm_mean) AS flow_lpm
FROM cdu_{tier}
WHERE device IN (SELECT device FROM inventory FINAL WHERE kind = 'cdu' AND {column} = %(subject)s) AND t >= %(begin)s AND t < %(end)s
GROUP BY t ORDER BY t
"""
_METER = """
SELECT t, sum({kind}_power_w_mean) AS power_w
FROM {kind}_{tier}
WHERE device IN (SELECT device FROM inventory FINAL WHERE kind = '{kind}' AND id = %(subject)s) AND t >= %(begin)s AND t < %(end)s
GROUP BY t ORDER BY t
"""
_INCIDENTS = """
SELECT kind, subject, severity, opened_at, closed_at
FROM incidents_now
WHERE opened_at < %(end)s AND (closed_at IS NULL OR closed_at > %(begin)s) AND severity != 'info'
    AND (subject IN %(names)s OR startsWith(subject, %(within)s) OR hasAny(affected, %(names)s))
ORDER BY indexOf(['critical', 'warning', 'ticket'], severity), opened_at
"""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns over time; `t` in Unix seconds, absent values NaN, and a NaN where samples are missing for long."""

    columns: Mapping[str, F64]

    def __getitem__(self, name: str) -> F64:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["t"])


@dataclass(frozen=True, slots=True)
class Past:
    """All that is drawn.

    Parameters
    ----------
    subject, kind
        Of the picture.
    begin, end
        In UTC.
    gpus, water, meter
        Series.
    incidents
        Kind, subject, severity, begin and end of each.
    """

    subject: str
    kind: str
    begin: datetime
    end: datetime
    gpus: Series
    water: Series
    meter: Series
    incidents: Sequence[tuple[Any, ...]]


def past(asking: Asking, kind: str, subject: str, begin: datetime, end: datetime) -> Past:
    """Read what is to be drawn.

    Raises
    ------
    Failure
        The subject is not known, or nothing is there of that time.
    """
    asking.check_known(kind, subject)
    tier = next(word for word, length_s in TIERS if (end - begin).total_seconds() <= length_s)
    rack = str(
        asking.query("SELECT rack FROM inventory FINAL WHERE id = %(s)s", {"s": subject}).rows[0][0]
    )
    column = {"gpu": "id", "rack": "rack", "hall": "hall"}[kind]
    given = {"subject": subject, "begin": begin, "end": end}
    gpus = _series(asking, _GPUS.format(tier=tier, column=column), given)
    if not len(gpus):
        raise Failure(
            f"nothing is kept of {subject} between {begin:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC; "
            "docs/config.md says under retention how long rows stay"
        )
    water_of = {**given, "subject": rack if kind == "gpu" else subject}
    column = "hall" if kind == "hall" else "rack"
    water = _series(asking, _WATER.format(tier=tier, column=column), water_of)
    meter = _series(
        asking, _METER.format(tier=tier, kind="rack" if kind == "gpu" else kind), water_of
    )
    names = [n for n in (subject, rack, f"{rack}/cdu") if n]
    found = asking.query(
        _INCIDENTS, {**given, "names": names, "within": subject if kind != "hall" else ""}
    )
    return Past(subject, kind, begin, end, gpus, water, meter, found.rows)


def _series(asking: Asking, sql: str, given: Mapping[str, Any]) -> Series:
    answer = asking.query(sql, given)
    rows = np.array(
        [[r[0].timestamp(), *(np.nan if v is None else v for v in r[1:])] for r in answer.rows],
        np.float64,
    ).reshape(-1, len(answer.columns))
    if len(rows) > 2:
        apart = np.diff(rows[:, 0])
        gaps = np.flatnonzero(apart > 3 * np.median(apart)) + 1
        holes = np.full((len(gaps), rows.shape[1]), np.nan)
        holes[:, 0] = rows[gaps - 1, 0] + 1
        rows = np.insert(rows, gaps, holes, axis=0)
    return Series(dict(zip(answer.columns, rows.T, strict=True)))


def draw(seen: Past, path: Path) -> None:
    """Three panels above each other, as PNG or whatever the file's name ends in; no display is needed."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"date.converter": "concise"}):
        figure = Figure(figsize=(10.0, 7.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
        _temperatures(axes[0], seen)
        _water(axes[1], seen)
        _power(axes[2], seen)
        axes[-1].set_xlim(seen.begin, seen.end)
        for axis in axes:
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
        axes[-1].set_xlabel("UTC")
        _marks(axes, seen)
        figure.suptitle(
            f"{seen.subject}, {seen.begin:%Y-%m-%d %H:%M} to {seen.end:%Y-%m-%d %H:%M}",
            x=0.01, ha="left", fontsize=12, fontweight="bold",
        )  # fmt: skip
        figure.savefig(path, dpi=110)


def _times(series: Series) -> NDArray[np.datetime64]:
    """As matplotlib takes them."""
    return (series["t"] * 1000).astype("datetime64[ms]")


def _temperatures(axis: Any, seen: Past) -> None:
    g, w = seen.gpus, seen.water
    one = seen.kind == "gpu"
    axis.plot(
        _times(g),
        g["hottest_c"],
        color=_HOT,
        lw=1.3,
        label="GPU, highest" if one else "hottest GPU",
    )
    axis.plot(
        _times(g),
        g["gpu_c"],
        color=_HOT,
        lw=0.8,
        alpha=0.5,
        label="GPU, mean" if one else "mean of GPUs",
    )
    axis.plot(_times(g), g["hbm_c"], color=_HBM, lw=0.9, label="HBM" if one else "hottest HBM")
    if len(w):
        axis.plot(_times(w), w["return_c"], color=_INK, lw=1.1, label="return")
        axis.plot(_times(w), w["supply_c"], color=_COLD, lw=1.1, label="supply")
    if one:
        limit_c = float(np.nanmedian(g["hottest_c"] + g["margin_c"]))
        if np.isfinite(limit_c):
            axis.axhline(limit_c, color=_GREY, lw=0.8, ls="--", label="limit")
    axis.set_ylabel("degC")
    axis.legend(loc="upper right", fontsize=8, ncols=6, frameon=False, bbox_to_anchor=(1.0, 1.13))


def _water(axis: Any, seen: Past) -> None:
    w, g = seen.water, seen.gpus
    where = {"gpu": "flow of its rack", "rack": "flow", "hall": "flow of all racks"}[seen.kind]
    if len(w):
        axis.plot(_times(w), w["flow_lpm"], color=_INK, lw=1.3)
    axis.set_ylabel(f"{where}, l/min", color=_INK)
    axis.set_ylim(bottom=0)
    other = axis.twinx()
    other.plot(_times(g), g["margin_c"], color=_HOT, lw=0.9)
    other.set_ylabel("margin, K" if seen.kind == "gpu" else "smallest margin, K", color=_HOT)
    other.spines[["top"]].set_visible(False)


def _power(axis: Any, seen: Past) -> None:
    g, m = seen.gpus, seen.meter
    if seen.kind == "gpu":
        axis.fill_between(_times(g), g["lowest_w"], g["highest_w"], color=_INK, alpha=0.2, lw=0)
        axis.plot(_times(g), g["power_w"], color=_INK, lw=1.1)
        axis.set_ylabel("power, W\n(mean; lowest to highest)")
    else:
        if len(m):
            axis.plot(
                _times(m), m["power_w"] / 1000, color=_INK, lw=1.2, label=f"{seen.kind}'s meter"
            )
        axis.plot(_times(g), g["power_w"] / 1000, color=_COLD, lw=1.1, label="its GPUs")
        axis.set_ylabel("power, kW")
        axis.legend(
            loc="upper right", fontsize=8, ncols=2, frameon=False, bbox_to_anchor=(1.0, 1.18)
        )
    axis.set_ylim(bottom=0)


def _marks(axes: Any, seen: Past) -> None:
    """A line where an incident opens, a shade while a page lasts, and the names of the worst, in order of time."""
    for _, _, severity, opened, closed in seen.incidents:
        begin, end = max(opened, seen.begin), min(closed or seen.end, seen.end)
        colour = _SHADE.get(severity)
        for axis in axes:
            axis.axvline(begin, color=colour or _GREY, lw=0.8, ls="-" if colour else ":")
            if colour:
                axis.axvspan(begin, end, color=colour, alpha=0.12, lw=0)
    named = sorted(seen.incidents[:LABELS_MAX], key=lambda incident: incident[3])
    for number, (kind, subject, _, opened, _) in enumerate(named):
        where = "" if subject == seen.subject else f" {subject.removeprefix(seen.subject + '/')}"
        axes[-1].annotate(
            f"{kind}{where}", (max(opened, seen.begin), 0.04 + 0.08 * number), xytext=(4, 0),
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=7.5,
        )  # fmt: skip
