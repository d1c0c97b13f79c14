"""Picks a hall, row, rack, node, GPU and job of which there is something to see: what a person would click at."""

from collections.abc import Callable, Sequence
from typing import Any

from coldplate.dashboards.variables import LEVELS

Rows = Callable[[str], Sequence[Sequence[Any]]]


def pick(rows: Rows, end_ms: int) -> dict[str, str]:
    """One of each, each within the one above: with a job that runs, and most incidents of the day before `end_ms`.

    Parameters
    ----------
    rows
        Runs a query.
    end_ms
        The newest sample's time, Unix milliseconds.
    """
    end = f"fromUnixTimestamp64Milli({end_ms})"
    since = f"{end} - INTERVAL 1 DAY"
    columns = "i.hall, i.row, i.rack, i.node, i.id"
    busiest = (
        f"SELECT {columns}, g.job FROM (SELECT * FROM inventory FINAL WHERE kind = 'gpu') AS i"
        f" INNER JOIN (SELECT gpu, argMax(job, (ifNull(until >= {end}, true), since)) AS job, max(ifNull(until >= {end}, true)) AS runs FROM job_gpus"
        f" WHERE ifNull(until, now64(3)) > {since} GROUP BY gpu) AS g"
        " ON g.gpu = i.id"
        f" LEFT JOIN (SELECT arrayJoin(arrayPushBack(affected, subject)) AS id, count() AS n FROM incidents_now"
        f" WHERE opened_at > {since} GROUP BY id) AS n ON n.id = i.id"
        f" LEFT JOIN (SELECT rack, count() AS n FROM incidents_now WHERE opened_at > {since} GROUP BY rack) AS r ON r.rack = i.rack"
        " ORDER BY g.runs DESC, n.n > 0 DESC, r.n DESC, n.n DESC, i.id LIMIT 1"
    )
    found = rows(busiest) or rows(
        f"SELECT {columns}, '' FROM inventory AS i FINAL WHERE kind = 'gpu' ORDER BY id LIMIT 1"
    )
    if not found:
        return {}
    return {name: str(v) for name, v in zip((*LEVELS, "job"), found[0], strict=True) if v}
