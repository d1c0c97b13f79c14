"""What a detector's change becomes: an anomaly with its evidence, for each row that fired or fell silent."""

import numpy as np

from coldplate.streams.detector import Detector, Scores, Tick
from coldplate.streams.episode import Changes
from coldplate.streams.fleet import Table
from coldplate.wire.incident import Anomaly, Evidence


def anomalies(
    cluster: str, table: Table, rule: Detector, tick: Tick, scores: Scores, changes: Changes, now_ms: int
) -> list[Anomaly]:  # fmt: skip
    """Anomalies of one detector at one tick.

    Parameters
    ----------
    cluster
        Stands in every anomaly.
    table
        Whose rows they are.
    rule, tick, scores, changes
        Who says what of which rows, and what is new of it.
    now_ms
        Wall clock, for `arrived_ms` only.
    """
    out = []
    fired, cleared = changes.fired, changes.cleared
    for on, positions, since_ms in (
        (True, fired, changes.since_ms),
        (False, cleared, tick.t_ms[cleared]),
    ):
        for i, since in zip(positions.tolist(), since_ms.tolist(), strict=True):
            row, t_ms = int(tick.rows[i]), int(tick.t_ms[i])
            value, baseline = float(scores.value[i]), float(scores.baseline[i])
            evidence = Evidence(
                rule.name,
                table.ids[row],
                rule.metric,
                since,
                None if np.isnan(value) else round(value, 3),
                round(rule.threshold(baseline), 3),
                None if np.isnan(baseline) else round(baseline, 3),
            )
            out.append(
                Anomaly(
                    cluster, rule.name, rule.fault, table.ids[row], table.racks[row],
                    t_ms, on, rule.severity, evidence, arrived_ms=now_ms,
                )
            )  # fmt: skip
    return out
