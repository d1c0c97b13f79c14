"""SKAB: a water circulation rig (pump, valves, flow, pressure), one induced fault a file.

Protocol of the published table: per file, rows in order of time; the first 400 warm the method up, each later row is
one binary decision; state starts anew with each file. Outliers are scored over all rows of all files; change points by
NAB's windows of 60 s after each true one.

References
----------
Katser, Kozitsin: Skoltech Anomaly Benchmark (2020), v0.9. NAB: Lavin, Ahmad (2015).
"""

import csv
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.evaluate.sets.method import F64, Method, scores

WARM_UP_ROWS = 400
WINDOW_S = 60.0
GRID = 1000
"""Steps of the window's scoring curve, as published."""

PROFILES = {"standard": (1.0, -0.11, -1.0), "low_fp": (1.0, -0.22, -1.0), "low_fn": (1.0, -0.11, -2.0)}  # fmt: skip
"""(hit, false alarm, miss)."""


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    Parameters
    ----------
    name
        Relative to the folder.
    t_s
        Unix seconds, shape (rows,).
    rows
        Shape (rows, series).
    anomaly, changepoint
        0 or 1 a row; None where the file has no labels.
    """

    name: str
    t_s: F64
    rows: F64
    anomaly: NDArray[np.bool_] | None
    changepoint: NDArray[np.bool_] | None


class SetError(ValueError):
    """A folder that does not hold the set; the message says what is expected."""


def read(folder: Path) -> list[File]:
    """Every `*.csv` and `*.csv.gz` under a folder, by name.

    Raises
    ------
    SetError
    """
    paths = sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")])
    if not paths:
        raise SetError(f"{folder}: no *.csv or *.csv.gz of SKAB in it")
    return [_file(path, str(path.relative_to(folder))) for path in paths]


def _file(path: Path, name: str) -> File:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file, delimiter=";")
        series = [i for i, c in enumerate(head) if c not in ("datetime", "anomaly", "changepoint")]
        at = head.index("datetime")
        times = [datetime.fromisoformat(row[at]).replace(tzinfo=UTC).timestamp() for row in lines]
        values = np.array([[float(row[i]) for i in series] for row in lines])
        labels = {
            c: np.array([float(row[head.index(c)]) > 0 for row in lines]) if c in head else None
            for c in ("anomaly", "changepoint")
        }
    except (OSError, ValueError, IndexError) as error:
        raise SetError(f"{path}: {error}; expected SKAB's `;`-separated columns") from None
    order = np.argsort(times, kind="stable")
    anomaly, change = (None if v is None else v[order] for v in labels.values())
    return File(name, np.array(times)[order], values[order], anomaly, change)


def run(files: Sequence[File], method: Method) -> list[NDArray[np.bool_]]:
    """A method's decision on every row of every file; rows that warm it up count as no alarm."""
    out = []
    for of in scores(method, [f.t_s for f in files], [f.rows for f in files]):
        said = of >= 1.0
        said[:WARM_UP_ROWS] = False
        out.append(said)
    return out


def score(files: Sequence[File], predictions: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    """`f1`, `far`, `mar` (percent), `fp`, over the files that have labels."""
    tp = fp = tn = fn = 0
    for file, prediction in zip(files, predictions, strict=True):
        if file.anomaly is None:
            continue
        truth, said = file.anomaly[WARM_UP_ROWS:], prediction[WARM_UP_ROWS:]
        tp += int((truth & said).sum())
        fp += int((~truth & said).sum())
        fn += int((truth & ~said).sum())
        tn += int((~truth & ~said).sum())
    return {
        "f1": tp / (tp + (fn + fp) / 2) if tp + fn + fp else None,
        "far": 100 * fp / (fp + tn) if fp + tn else None,
        "mar": 100 * fn / (fn + tp) if fn + tp else None,
        "fp": fp,
    }


def change_points(
    files: Sequence[File], predictions: Sequence[NDArray[np.bool_]]
) -> dict[str, Any]:
    """`nab_*` by profile, `missed` windows and `mean_delay_s` of those hit."""
    hits: list[float] = []
    delays_s: list[float] = []
    missed = false = 0
    for file, prediction in zip(files, predictions, strict=True):
        if file.changepoint is None:
            continue
        t_s = file.t_s[WARM_UP_ROWS:]
        said_s = t_s[changes(prediction[WARM_UP_ROWS:])]
        windows = _windows(t_s[file.changepoint[WARM_UP_ROWS:]])
        inside = np.zeros(len(said_s), np.bool_)
        for left, right in windows:
            within = (said_s >= left) & (said_s <= right)
            inside |= within
            if within.any():
                first = float(said_s[within][0])
                hits.append((first - left) / (right - left))
                delays_s.append(first - left)
            else:
                missed += 1
        false += int((~inside).sum())
    out: dict[str, Any] = {
        f"nab_{name}": _nab(hits, missed, false, *weights) for name, weights in PROFILES.items()
    }
    out["missed"] = missed
    out["mean_delay_s"] = float(np.mean(delays_s)) if delays_s else None
    return out


def fault_free(
    files: Sequence[File], predictions: Sequence[NDArray[np.bool_]]
) -> dict[str, float | None]:
    """`fault_free_alarm_share`, `fault_free_episodes_per_hour`, over the files without labels."""
    rows = alarms = episodes = 0
    hours = 0.0
    for file, prediction in zip(files, predictions, strict=True):
        if file.anomaly is not None or len(prediction) <= WARM_UP_ROWS:
            continue
        said = prediction[WARM_UP_ROWS:]
        rows, alarms = rows + len(said), alarms + int(said.sum())
        episodes += int((said & changes(said)).sum())
        hours += float(file.t_s[-1] - file.t_s[WARM_UP_ROWS]) / 3600.0
    return {
        "fault_free_alarm_share": alarms / rows if rows else None,
        "fault_free_episodes_per_hour": episodes / hours if hours else None,
    }


def changes(prediction: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a binary prediction changes; its first element is the prediction itself."""
    out = prediction.copy()
    out[1:] = prediction[1:] != prediction[:-1]
    return out


def _windows(true_s: F64) -> list[tuple[float, float]]:
    """60 s after each; where two overlap the right one starts where the left one ends."""
    out: list[tuple[float, float]] = []
    for t in true_s.tolist():
        left = max(t, out[-1][1]) if out else t
        out.append((left, t + WINDOW_S))
    return out


def _nab(
    hits: Iterable[float], missed: int, false: int, hit: float, alarm: float, miss: float
) -> float | None:
    grid = np.linspace(-np.pi / 2, np.pi / 2, GRID)
    curve = alarm + (hit - alarm) * (1 - np.tanh(grid) / np.tanh(np.pi / 2)) / 2
    hits = list(hits)
    windows = len(hits) + missed
    if not windows:
        return None
    got = sum(float(curve[min(int(at * GRID), GRID - 1)]) for at in hits)
    got += miss * missed + alarm * false
    null, perfect = miss * windows, hit * windows
    return 100 * (got - null) / (perfect - null)
