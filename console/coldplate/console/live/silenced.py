"""Which open incidents a silence is about now: judged as the alerter does, from the silences in the history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from coldplate.console.live.picture import Rack
from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.matching import matches
from coldplate.sinks.webhooks.windows import Window, WindowError
from coldplate.wire.incident import Evidence, Incident, Severity, State
from coldplate.wire.inventory import Device, Inventory
from coldplate.wire.silence import Silence

Row = Mapping[str, Any]
_evidence = msgspec.json.Decoder(Evidence).decode


def silenced(
    incidents: Sequence[Row], silences: Sequence[Row], racks: Sequence[Rack], now_ms: int
) -> set[str]:
    """Ids of those that are.

    Parameters
    ----------
    incidents, silences
        Lines of `incidents_now` and `silences_now`.
    racks
        For rows and halls.
    """
    holding = [s for row in silences if _holds(s := _silence(row), now_ms)]
    if not holding:
        return set()
    inventory = Inventory(Device("rack", r.id, hall=r.hall, row=r.row) for r in racks)
    found = [_incident(row) for row in incidents]
    return {
        i.id
        for i in found
        if any(matches(s, i, labels_of(i, inventory), inventory) for s in holding)
    }


def _holds(silence: Silence, now_ms: int) -> bool:
    try:
        return Window(silence).holds(now_ms)
    except WindowError:
        return False


def _silence(row: Row) -> Silence:
    return Silence(
        row["id"], row["reason"], row["who"], _ms(row["since"]), _ms(row["until"]), row["subject"],
        row["kind"], dict(row["labels"]), row["cron"], row["for_s"], row["zone"], bool(row["planned"]),
    )  # fmt: skip


def _incident(row: Row) -> Incident:
    opened_ms = _ms(row["opened_at"])
    return Incident(
        "", row["id"], 0, State.OPEN, row["kind"], row["subject"], row["rack"], Severity(row["severity"]),
        opened_ms, opened_ms, row["cause"], opened_ms, evidence=tuple(_read(row["evidence"])),
    )  # fmt: skip


def _read(lines: Sequence[str]) -> list[Evidence]:
    out = []
    for line in lines:
        try:
            out.append(_evidence(line))
        except msgspec.MsgspecError:
            continue
    return out


def _ms(t: datetime) -> int:
    return round(t.timestamp() * 1000)
