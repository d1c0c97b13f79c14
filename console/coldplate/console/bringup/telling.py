"""The board and a forecast for programs, and for the page: one JSON object."""

import math
from typing import Any

from coldplate.console.bringup.board import Board
from coldplate.console.bringup.states import Standing
from coldplate.console.output import rfc3339

DAY_MS = 86_400_000


def when(board: Board, day: float | None) -> str | None:
    """A day since the begin as a moment, RFC 3339; None for one that is not known, or never comes."""
    if board.begin_ms is None or day is None or not day < 36_500:
        return None
    return rfc3339(board.begin_ms + round(day * DAY_MS))


def told(board: Board) -> dict[str, Any]:
    """All of it; times are RFC 3339, days count from the first rack on the floor, what is not known is None."""
    plan, forecast, phase = board.plan, board.forecast, board.phase
    day = board.day
    return {
        "at": rfc3339(board.now_ms), "begin": rfc3339(board.begin_ms), "day": None if day is None else round(day, 3),
        "racks": len(board.racks), "by_state": dict(board.by_state), "gpus": sum(s.gpus for s in board.racks),
        "gpus_usable": board.usable,
        "rate": {
            "today_racks": board.today, "last_24h_racks": board.last_24h, "planned_per_day_racks": round(1440 / plan.pace_minutes, 1),
            "planned_by_now_racks": None if day is None else round(plan.planned(day), 1),
        },
        "queues": [
            {"step": q.step, "resource": q.resource or None, "units": q.units, "working": q.working, "waiting": q.waiting,
             "oldest_h": None if q.oldest_h is None else round(q.oldest_h, 2), "held": q.held}
            for q in board.queues
        ],
        "spares": [{"name": p.name, "held_racks": p.racks, "stock": round(p.stock, 1)} for p in board.parts],
        "held": [_held(s) for s in board.held],
        "largest_set": _set(board),
        "phase": {
            "ready": phase.ready, "gpus": phase.gpus, "wanted_gpus": plan.phase_gpus, "next_gpus": phase.next_gpus,
            "next_p50": when(board, phase.p50_day), "next_p90": when(board, phase.p90_day),
        },
        "burn_up": burn_up(board),
        "forecast": None if forecast is None else forecast.told() | {
            "finish_p50": when(board, forecast.finish_day(0.5)), "finish_p90": when(board, forecast.finish_day(0.9)),
        },
        "tiles": [
            {"rack": s.place.rack, "hall": s.place.hall, "row": s.place.row, "state": s.state, "since": rfc3339(s.since_ms),
             "gpus": s.gpus, "usable": s.usable, "step": s.now.step if s.now else "", "cause": s.now.cause if s.now else ""}
            for s in board.racks
        ],
    }  # fmt: skip


def _held(standing: Standing) -> dict[str, Any]:
    now = standing.now
    assert now is not None
    return {
        "rack": standing.place.rack, "cause": now.cause or None, "step": now.step or None,
        "since": rfc3339(standing.since_ms), "gpus_held": len(now.held) or standing.gpus, "who": now.who or None,
    }  # fmt: skip


def _set(board: Board) -> dict[str, Any] | None:
    found = board.largest
    if found is None:
        return None
    first, last = (board.racks[n].place.rack for n in (found.first, found.last))
    return {"line": found.line, "first": first, "last": last, "racks": found.racks, "gpus": found.gpus}  # fmt: skip


def burn_up(board: Board) -> list[dict[str, Any]]:
    """Of each day's end, racks: planned, accepted (past days and now), and the forecast's band (from today on)."""
    if board.begin_ms is None or board.day is None:
        return []
    forecast, today = board.forecast, board.day
    last = max(board.plan.days, today, min(400.0, forecast.finish_day(0.9)) if forecast else 0.0)
    out = []
    for day in range(math.ceil(last) + 1):
        row: dict[str, Any] = {
            "day": day,
            "planned": round(board.plan.planned(day), 1),
            "accepted": None,
        }
        if day <= today:
            row["accepted"] = board.accepted_by(day)
        elif day - 1 < today:
            row["accepted"] = board.accepted_by(today)
        for name, share in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9)):
            known = forecast is not None and day >= today
            row[name] = round(forecast.racks(day, share), 1) if known and forecast else None
        out.append(row)
    return out
