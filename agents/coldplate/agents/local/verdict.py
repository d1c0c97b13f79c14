"""Whether the agent is well: what `/healthz` and `/readyz` say.

Red means that somebody should look at this machine: GPUs that nobody sees, a loop that stands, records that are lost.
A BMC that does not answer, or a Kafka that is away while there is room, is told but turns nothing red.
"""

import json
import time
from http import HTTPStatus
from typing import Any

from coldplate.agents.local.server import Answer
from coldplate.agents.local.status import Status

STILL_TICKS, STILL_S_MIN = 3, 5.0
"""A loop stands still after so many ticks, and never sooner than this."""

DROPS_RED_S = 60.0
"""How long a drop of records keeps the verdict red."""

STANDING_BY = "standing_by"
"""Role of an agent that does not tick because another does."""

JSON = "application/json"


def problems(status: Status, unseen_ticks: int) -> list[str]:
    """What is wrong, one sentence each; empty when the agent is well.

    Parameters
    ----------
    unseen_ticks
        Ticks that a GPU may go without an answer.
    """
    out = []
    still_s = _still_s(status)
    if still_s is not None:
        out.append(f"the loop has not ticked for {still_s:.0f} s")
    latest = status.latest
    if latest is not None and latest.t_ms is not None:
        unseen = {gpu: n for gpu, n in latest.unseen_ticks().items() if n > unseen_ticks}
        out += [f"{gpu} has not answered for {n} ticks" for gpu, n in unseen.items()]
        seen = len(latest.unseen_ticks())
        if status.gpus_expected is not None and seen < status.gpus_expected:
            out.append(f"{status.gpus_expected} GPUs ought to be here, {seen} are known")
    ago_s = status.dropped_s_ago()
    if ago_s is not None and ago_s < DROPS_RED_S:
        out.append("records are being dropped: Kafka does not take them and the spool is full")
    return out


def healthz(status: Status, unseen_ticks: int) -> Answer:
    """200 when well, 503 otherwise; says why, and how each collector is doing."""
    found = problems(status, unseen_ticks)
    return _answer(
        {
            "ok": not found,
            "node": status.node,
            "role_state": status.role_state() or None,
            "problems": found,
            "missing": dict(status.missing),
            "collectors": {
                h.name: {
                    "ok": h.ok,
                    "text": h.text,
                    "duration_s": h.duration_s,
                    "last_success_ms": h.last_success_ms,
                }
                for h in status.collectors()
            },
        },
        ok=not found,
    )


def readyz(status: Status) -> Answer:
    """200 once a tick was sampled, and while ticks go on; or while it stands by for another agent."""
    role = status.role_state()
    ready = role == STANDING_BY or (status.ticked_s is not None and _still_s(status) is None)
    return _answer({"ready": ready, "node": status.node, "role_state": role or None}, ok=ready)


def _still_s(status: Status) -> float | None:
    """For how long the loop has stood, when that is too long; None too before its first tick."""
    if status.ticked_s is None or status.role_state() == STANDING_BY:
        return None
    age_s = time.monotonic() - status.ticked_s
    return age_s if age_s > max(STILL_S_MIN, STILL_TICKS * status.tick_ms / 1000) else None


def _answer(content: dict[str, Any], *, ok: bool) -> Answer:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, JSON, json.dumps(content) + "\n")
