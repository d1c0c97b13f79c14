"""Incidents that are or were open, and the cells they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from coldplate.console.live.opened import OPEN_MAX, open_of, opened
from coldplate.console.live.picture import open_told
from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.dashboards.web.channels import F32, SEVERITIES

Row = Mapping[str, Any]
CHANGED = "SELECT (SELECT count() FROM incidents), (SELECT count() FROM actions)"
"""Another answer means that there is news."""

SWING = "power-oscillation"

# An incident is what its newest record of then says; one that was told later than it opened is what was told first.
_THEN = f"""
SELECT n.id AS id, r.v.1 AS step, r.v.2 AS severity, r.v.3 AS kind, r.v.4 AS subject, r.v.5 AS rack, n.opened_at AS opened_at,
    r.v.6 AS cause, r.v.7 AS affected, r.v.8 AS evidence, n.acked AS acked_by
FROM
(
    SELECT id, opened_at, if(acked_at <= %(at)s, acked_by, '') AS acked FROM incidents_now
    WHERE opened_at <= %(at)s AND (closed_at IS NULL OR closed_at > %(at)s)
) AS n
INNER JOIN
(
    SELECT id, argMax(tuple(step, severity, kind, subject, rack, cause, affected, evidence),
        tuple(updated_at <= %(at)s, if(updated_at <= %(at)s, toInt64(step), -toInt64(step)))) AS v
    FROM incidents GROUP BY id
) AS r ON r.id = n.id
ORDER BY indexOf(['critical', 'warning', 'ticket', 'info'], severity), opened_at DESC LIMIT {OPEN_MAX}
"""


@dataclass(frozen=True)
class Incidents:
    """Those of a moment.

    Parameters
    ----------
    told
        As `coldplate live --json` tells them, the worst first.
    codes
        By cell, the worst severity.
    worst
        By rack.
    swings
        Whether the whole hall swings at a frequency that is no job's own.
    """

    told: Sequence[Mapping[str, Any]] = ()
    codes: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    worst: F32 = field(default_factory=lambda: np.zeros(0, np.float32))
    swings: bool = False


def now(ask: Ask, ground: Ground, now_ms: int) -> Incidents:
    """Open ones.

    Raises
    ------
    Away
    """
    rows, found = opened(ask.named, ground.racks, now_ms)
    return _of(rows, [open_told(o) for o in found], ground)


def then(ask: Ask, ground: Ground, at_ms: int) -> Incidents:
    """Those that were open at a moment; whether a silence held then is not told.

    Raises
    ------
    Away
    """
    at = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    rows = ask.named(_THEN, {"at": f"{at}.{at_ms % 1000:03d}"})
    return _of(rows, [open_told(open_of(row)) for row in rows], ground)


def _of(rows: Sequence[Row], told: Sequence[Mapping[str, Any]], ground: Ground) -> Incidents:
    codes = np.zeros(len(ground.rack_of), np.float32)
    worst = np.zeros(len(ground.floor.racks), np.float32)
    number = {rack.id: n for n, rack in enumerate(ground.floor.racks)}
    for row in rows:
        code = SEVERITIES.index(row["severity"]) if row["severity"] in SEVERITIES else 1
        for name in (row["subject"], *row["affected"]):
            cells = ground.cells(name)
            codes[cells] = np.maximum(codes[cells], code)
        if row["rack"] in number:
            at = number[row["rack"]]
            worst[at] = max(worst[at], code)
    if len(codes):
        np.maximum.at(worst, ground.rack_of, codes)
    return Incidents(told, codes, worst, any(row["kind"] == SWING for row in rows))
