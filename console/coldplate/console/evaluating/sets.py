"""The general methods on public labelled sets, each by the set's own protocol; see docs/evaluation.md."""

import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from coldplate.streams.evaluate.sets import chosen, hydraulic, nab, skab

REVISION_WITHIN_S = 5.0


def evaluate_skab(folder: Path) -> dict[str, Any]:
    """Faults and change points of SKAB, pooled and per file.

    Raises
    ------
    SetError
        When the folder does not hold the set.
    """
    files = skab.read(folder)
    began_s = perf_counter()
    said = skab.run(files, chosen.SKAB_FAULTS)
    took_s = perf_counter() - began_s
    changed = skab.run(files, chosen.SKAB_CHANGES)
    own = skab.change_points(files, said)
    return {
        **skab.score(files, said),
        **skab.change_points(files, changed),
        **skab.fault_free(files, said),
        "all_ones_f1": skab.score(files, [s | True for s in said])["f1"],
        # The change points are another detector's; what the fault detector makes of them is told beside.
        "change_detector": "SKAB_CHANGES",
        "fault_detector_nab_standard": own["nab_standard"],
        "change_detector_fault_free_alarm_share": skab.fault_free(files, changed)["fault_free_alarm_share"],
        "per_file": {f.name: _skab_file(f, s, c) for f, s, c in zip(files, said, changed, strict=True)},
        "rows_per_s": round(sum(len(f.t_s) for f in files) / took_s),
        "files": len(files),
        **_what(SKAB_FAULTS=chosen.SKAB_FAULTS, SKAB_CHANGES=chosen.SKAB_CHANGES),
    }  # fmt: skip


def _skab_file(file: skab.File, said: Any, changed: Any) -> dict[str, Any]:
    if file.anomaly is None:
        return skab.fault_free([file], [said])
    return {**skab.score([file], [said]), **skab.change_points([file], [changed])}


def evaluate_nab(folder: Path, threshold: float | None = None) -> dict[str, Any]:
    """NAB's three profiles at the corpus' best threshold, or at one that is given.

    Raises
    ------
    SetError
        When the folder does not hold the set.
    """
    corpus = nab.read(folder)
    began_s = perf_counter()
    scores = nab.run(corpus, chosen.NAB)
    took_s = perf_counter() - began_s
    return {
        "standard_left_out": nab.left_out(corpus, scores) if threshold is None else None,
        **nab.score(corpus, scores, threshold),
        "rows_per_s": round(sum(len(s.values) for s in corpus) / took_s),
        "files": len(corpus),
        **_what(NAB=chosen.NAB),
    }


def evaluate_hydraulic(folder: Path) -> dict[str, Any]:
    """The cooler's change, and nothing else.

    Raises
    ------
    SetError
        When the folder does not hold the set.
    """
    rig = hydraulic.read(folder)
    fired = hydraulic.run(rig, chosen.HYDRAULIC)
    return {**hydraulic.score(rig, fired), "cycles": len(fired), **_what(HYDRAULIC=chosen.HYDRAULIC)}  # fmt: skip


def _what(**methods: Any) -> dict[str, Any]:
    """Which parameters and which revision gave the figures."""
    parameters = {
        name: {"class": type(m).__name__, **{k: v for k, v in asdict(m).items() if k != "fields"}}
        for name, m in methods.items()
    }
    return {"parameters": parameters, "revision": revision()}


def revision(command: Sequence[str] = ("git", "rev-parse", "HEAD")) -> str | None:
    """The git revision of the source tree; None where it is installed from elsewhere."""
    try:
        told = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
            timeout=REVISION_WITHIN_S,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None
