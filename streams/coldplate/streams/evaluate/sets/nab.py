"""NAB: single-metric series of operations, scored by how early each labelled window is hit.

Protocol of NAB v1.1: a score in [0, 1] a row, the first rows are probation, a detection is a score at or above one
threshold for the whole corpus. Position in a window p = -(right - i + 1)/width, behind it p = (i - right)/(width - 1);
S(p) = 2/(1 + exp(5 p)) - 1, and -1 beyond p = 3 or before a file's first window.

References
----------
Lavin, Ahmad: Evaluating Real-time Anomaly Detection Algorithms, the Numenta Anomaly Benchmark (2015).
"""

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.evaluate.sets.method import F64, Method, scores
from coldplate.streams.evaluate.sets.skab import SetError

PROBATION_SHARE, PROBATION_ROWS_MAX = 0.15, 750
BEHIND_MAX = 3.0

PROFILES = {"standard": (1.0, 1.0, 0.11), "low_fp": (1.0, 1.0, 0.22), "low_fn": (1.0, 2.0, 0.11)}
"""(hit, miss, false alarm)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One file.

    Parameters
    ----------
    name
        As in the labels, `realTweets/Twitter_volume_AAPL.csv`.
    t_s, values
        Shape (rows,).
    windows
        First and last row of each labelled window, both in it.
    """

    name: str
    t_s: F64
    values: F64
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Rows that are not scored."""
        return min(int(PROBATION_SHARE * len(self.values)), PROBATION_ROWS_MAX)


def read(folder: Path) -> list[Series]:
    """Every series under `data` with its windows of `labels/combined_windows.json`.

    Raises
    ------
    SetError
    """
    labels = folder / "labels" / "combined_windows.json"
    try:
        windows = json.loads(labels.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SetError(f"{labels}: {error}") from None
    paths = sorted([*folder.glob("data/**/*.csv"), *folder.glob("data/**/*.csv.gz")])
    if not paths:
        raise SetError(f"{folder / 'data'}: no *.csv or *.csv.gz of NAB in it")
    out = []
    for path in paths:
        name = str(path.relative_to(folder / "data")).removesuffix(".gz")
        out.append(_series(path, name, windows.get(name, [])))
    return out


def _series(path: Path, name: str, windows: Sequence[Sequence[str]]) -> Series:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            rows = [(_s(r["timestamp"]), float(r["value"])) for r in csv.DictReader(file)]
        t_s, values = (np.array(column) for column in zip(*rows, strict=True))
        inside = tuple(
            (int(np.searchsorted(t_s, _s(a))), int(np.searchsorted(t_s, _s(b), "right")) - 1)
            for a, b in windows
        )
    except (OSError, ValueError, KeyError) as error:
        raise SetError(f"{path}: {error!r}; expected columns timestamp, value") from None
    return Series(name, t_s, values, inside)


def _s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def run(corpus: Sequence[Series], method: Method) -> list[F64]:
    """A method's score of every row of every series, brought to [0, 1]: 0.5 where the method fires."""
    found = scores(method, [s.t_s for s in corpus], [s.values[:, None] for s in corpus])
    return [np.nan_to_num(of / (1.0 + of)) for of in found]


def weights(series: Series) -> F64:
    """What a detection on each row is worth: above 0 in a window, below 0 outside."""
    out = np.full(len(series.values), -1.0)
    rows = np.arange(len(out))
    for left, right in series.windows:
        width = right - left + 1
        behind = (rows - right) / max(width - 1, 1)
        later = (rows > right) & (behind <= BEHIND_MAX)
        out[rows > right] = -1.0
        out[later] = _sigmoid(behind[later])
        inside = (rows >= left) & (rows <= right)
        out[inside] = _sigmoid(-(right - rows[inside] + 1) / width)
    return out


def _sigmoid(p: F64) -> F64:
    s: F64 = 2.0 / (1.0 + np.exp(5.0 * p)) - 1.0
    return s


def score(
    corpus: Sequence[Series], scores: Sequence[F64], threshold: float | None = None
) -> dict[str, Any]:
    """NAB's figures for each profile, at its best threshold or at one that is given.

    `tp`, `fp`, `fn` and `threshold` are the standard profile's: windows hit, rows of false detections, windows missed.
    """
    best: dict[str, tuple[float, float]] = {}
    for name, profile in PROFILES.items():
        at = _thresholds(scores) if threshold is None else np.array([threshold])
        raw = _raw(corpus, scores, at, profile)
        i = int(np.argmax(raw))
        best[name] = (float(raw[i]), float(at[i]))
    windows = sum(len(s.windows) for s in corpus)
    out: dict[str, Any] = {}
    for name, (hit, miss, _) in PROFILES.items():
        null = -miss * windows
        out[name] = 100 * (best[name][0] - null) / (hit * windows - null) if windows else None
    chosen = best["standard"][1]
    return {**out, **_counts(corpus, scores, chosen), "threshold": chosen}


def left_out(corpus: Sequence[Series], scores: Sequence[F64]) -> float | None:
    """The standard figure when each category's threshold is the best of the other categories."""
    of = [s.name.split("/")[0] for s in corpus]
    hit, miss, _ = PROFILES["standard"]
    raw, windows = 0.0, sum(len(s.windows) for s in corpus)
    for category in sorted(set(of)):
        mine, rest = (
            [i for i, c in enumerate(of) if (c == category) is same] for same in (True, False)
        )
        if not rest or not windows:
            return None
        chosen = score([corpus[i] for i in rest], [scores[i] for i in rest])["threshold"]
        at = np.array([chosen])
        raw += float(_raw([corpus[i] for i in mine], [scores[i] for i in mine], at, PROFILES["standard"])[0])  # fmt: skip
    null = -miss * windows
    return 100 * (raw - null) / (hit * windows - null)


def _thresholds(scores: Sequence[F64]) -> F64:
    """Every score that occurs, and one above them all."""
    return np.append(np.unique(np.concatenate(list(scores))), 1.1)[::-1]


def _raw(
    corpus: Sequence[Series], scores: Sequence[F64], at: F64, profile: tuple[float, float, float]
) -> F64:
    """The raw score at every threshold: thresholds fall, so that detections are added one by one."""
    hit, miss, alarm = profile
    total = np.zeros(len(at))
    for series, given in zip(corpus, scores, strict=True):
        worth, from_row = weights(series), series.probation
        outside = np.ones(len(worth), np.bool_)
        for left, right in series.windows:
            outside[left : right + 1] = False
            span = slice(max(left, from_row), right + 1)
            order = np.argsort(-given[span], kind="stable")
            ordered, gains = given[span][order], np.maximum.accumulate(worth[span][order])
            count = np.searchsorted(-ordered, -at, "right")
            reached = np.where(count > 0, gains[np.maximum(count - 1, 0)], np.nan)
            total += np.where(count > 0, hit * reached / _sigmoid(np.array(-1.0)), -miss)
        outside[:from_row] = False
        order = np.argsort(-given[outside], kind="stable")
        costs = np.concatenate([[0.0], np.cumsum(worth[outside][order])])
        total += alarm * costs[np.searchsorted(-given[outside][order], -at, "right")]
    return total


def _counts(corpus: Sequence[Series], scores: Sequence[F64], threshold: float) -> dict[str, int]:
    tp = fp = fn = 0
    for series, given in zip(corpus, scores, strict=True):
        said: NDArray[np.bool_] = given >= threshold
        said[: series.probation] = False
        for left, right in series.windows:
            tp += bool(said[left : right + 1].any())
            fn += not said[left : right + 1].any()
            said[left : right + 1] = False
        fp += int(said.sum())
    return {"tp": tp, "fp": fp, "fn": fn}
