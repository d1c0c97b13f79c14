"""Pictures of an evaluation: how faults came to be found, a family a picture, and which causes were taken for which."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from coldplate.console.evaluating.timeline import HEARD, Timeline
from coldplate.wire.metric import CATALOGUE

COLUMNS = 3
DPI = 90
INK, SCORE, TOLD, HARM, GREY = "#1f4e79", "#d68910", "#1e8449", "#c0392b", "#7f8c8d"

UNITS = {m.name: m.unit for metrics in CATALOGUE.values() for m in metrics}
SCORE_MAX = 4.0
"""Scores are cut here: what matters is when one passes 1."""

BEFORE_S = 60.0
"""So much is shown before the onset."""

MISSED = "not found"


def draw_family(family: str, lines: Sequence[Timeline], path: Path) -> None:
    """Small multiples: signal, score, when it was told of and when harm came, a kind a panel."""
    rows = -(-len(lines) // COLUMNS)
    figure = _figure(4.2 * COLUMNS, 2.9 * rows + 0.6)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis, line in zip(axes, lines, strict=False):
        _panel(axis, line)
    for axis in axes[len(lines) :]:
        axis.set_visible(False)
    figure.suptitle(
        f"{family}: reading (blue), score (orange; 1 fires), told (green), harm (red), while it lasts (grey)",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    figure.savefig(path, dpi=DPI)


def _panel(axis: Any, line: Timeline) -> None:
    axis.set_title(f"{line.kind}: {line.detector or MISSED}", fontsize=9, loc="left")
    t_s, value, score = (np.array(v, np.float64) for v in (line.t_s, line.value, line.score))
    axis.plot(t_s, value, color=INK, lw=1.0)
    unit = "share" if line.metric == HEARD else UNITS.get(line.metric, "")
    axis.set_ylabel(f"{line.metric}, {unit}", color=INK, fontsize=8)
    if len(score):
        beside = axis.twinx()
        beside.plot(t_s, np.minimum(score, SCORE_MAX), color=SCORE, lw=0.9)
        beside.axhline(1.0, color=SCORE, lw=0.6, ls=":")
        beside.set_ylim(min(0.0, float(np.nanmin(score, initial=0.0))), SCORE_MAX)
        beside.tick_params(labelsize=7, colors=SCORE)
    axis.set_xlim(-BEFORE_S, t_s[-1] if len(t_s) else line.end_s)
    axis.axvspan(0.0, line.end_s or axis.get_xlim()[1], color=GREY, alpha=0.1, lw=0)
    for at_s, color in ((line.told_s, TOLD), (line.harm_s, HARM)):
        if at_s is not None:
            axis.axvline(at_s, color=color, lw=1.3)
    axis.tick_params(labelsize=7)
    axis.set_xlabel("seconds from the onset", fontsize=8)


def draw_causes(said: Mapping[tuple[str, str], int], path: Path) -> None:
    """Confusion of causes: families as labelled (down) against families as told (across).

    Parameters
    ----------
    said
        How many by labelled and told family; `MISSED` where nothing was told.
    path
        Of the picture.
    """
    labelled = sorted({a for a, _ in said})
    told = [*labelled, *sorted({b for _, b in said} - {*labelled, MISSED}), MISSED]
    table = np.array([[said.get((a, b), 0) for b in told] for a in labelled], np.float64)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    figure = _figure(0.5 * len(told) + 2.5, 0.4 * len(labelled) + 2.0)
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for i, j in zip(*np.nonzero(table), strict=True):
        color = "white" if share[i, j] > 0.5 else "black"
        axis.text(j, i, f"{table[i, j]:.0f}", ha="center", va="center", fontsize=8, color=color)
    axis.set_xticks(range(len(told)), told, rotation=90, fontsize=8)
    axis.set_yticks(range(len(labelled)), labelled, fontsize=8)
    axis.set_xlabel("told")
    axis.set_ylabel("labelled")
    figure.savefig(path, dpi=DPI)


def _figure(width: float, height: float) -> Any:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
