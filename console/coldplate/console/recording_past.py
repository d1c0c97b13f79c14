"""A stretch of the history as a recording, the form in which detection is evaluated."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from coldplate.agents.collector import Happening
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.past import PastCollector, inventory_of
from coldplate.sinks.client import Client
from coldplate.twin.recorder import Recorder
from coldplate.twin.recording import Header, RecordingError
from coldplate.wire.inventory import Inventory


def record_past(
    client: Client, folder: Path, begin: datetime, end: datetime, racks: Sequence[str] = (),
    tell: Callable[[float], None] = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Write the recording; what it holds.

    Raises
    ------
    Failure
        There is no inventory or no sample, a rack is not known, or the folder is in use.
    HistoryDown, HistoryRefused
    """
    inventory = inventory_of(client, racks)
    if unknown := sorted(set(racks) - set(inventory.devices)):
        raise Failure(f"the history knows no {', '.join(unknown)}", BAD_INPUT)
    if not len(inventory):
        raise Failure(
            "the history has no inventory: `coldplate migrate --inventory FILE`", BAD_INPUT
        )
    tick_ms = _tick_ms(client, begin, end)
    collector = PastCollector(client, inventory, tick_ms, racks)
    first, last = (int(t.timestamp() * 1000) // tick_ms for t in (begin, end))
    words = ", ".join(racks) or "all racks"
    header = Header(
        f"history {begin:%Y-%m-%d %H:%M}", "history", begin, tick_ms / 1000,
        f"{words}, {begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC",
    )  # fmt: skip
    try:
        with Recorder(folder, header, inventory, collector) as recorder:
            for tick in range(first, last):
                recorder.add(tick * tick_ms, collector.sample(tick * tick_ms))
                tell((tick + 1 - first) / (last - first))
            events = _events(client, inventory, begin, end)
            for happening in events:
                recorder.event(happening)
    except RecordingError as error:
        raise Failure(str(error), BAD_INPUT) from None
    return {"rows": recorder.rows, "events": len(events), "ticks": last - first}


def _tick_ms(client: Client, begin: datetime, end: datetime) -> int:
    """The usual one of the stretch; a tick of another length stands at its own begin."""
    sql = "SELECT topK(1)(tick_ms)[1] FROM frames WHERE t >= %(begin)s AND t < %(end)s HAVING count() > 0"
    found = client.execute(sql, {"begin": begin, "end": end})
    if not found:
        raise Failure(
            f"there is no sample from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC", BAD_INPUT
        )
    return int(found[0][0])


def _events(
    client: Client, inventory: Inventory, begin: datetime, end: datetime
) -> list[Happening]:
    sql = """
        SELECT kind, subject, toUnixTimestamp64Milli(t), code, text, data FROM events FINAL
        WHERE t >= %(begin)s AND t < %(end)s ORDER BY events.t, id
    """
    return [
        Happening(kind, subject, int(t_ms), code, text, msgspec.json.decode(data) if data else {})
        for kind, subject, t_ms, code, text, data in client.execute(
            sql, {"begin": begin, "end": end}
        )
        if subject in inventory
    ]
