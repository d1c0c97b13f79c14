"""What happens on a fleet's day besides samples: frames and the sink's books, events, incidents, what people did.

Drawn from a seed, so that a day is the same whenever it is made; what is already there is not made again.
"""

import json
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from coldplate.console.benching.day_samples import Tell, add_now, add_samples
from coldplate.sinks.client import Client
from coldplate.sinks.retention import DAYS_MAX

DAY_MS = 86_400_000
INCIDENTS = 60
KINDS = (
    ("flow-loss", "critical", "cdu"), ("pump-stop", "critical", "cdu"), ("kinked-hose", "warning", "node"), ("gpu-lost", "warning", "gpu"),
    ("xid-31", "info", "gpu"), ("cold-plate-fouling", "ticket", "gpu"), ("ecc-storm", "ticket", "gpu"), ("straggler", "ticket", "gpu"),
    ("ramp-too-steep", "ticket", "hall"), ("filter-clog", "ticket", "cdu"), ("sensor-drift", "warning", "cdu"), ("silent-node", "warning", "node"),
)  # fmt: skip
"""Kind, severity and what it is of."""

PEOPLE = ("ada", "bo", "cy")


def complete(client: Client, begin: datetime, end: datetime, tell: Tell) -> None:
    """Make a fleet's day whole, from `begin` to `end`, and give it a now.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    for table, column in (("frames", "appended_at"), ("sink_rejects", "t"), ("sink_batches", "written_at")):  # fmt: skip
        # The day is a fixed one, however long ago that is.
        client.execute(f"ALTER TABLE {table} MODIFY TTL toDate({column}) + INTERVAL {DAYS_MAX} DAY")
    add_samples(client, begin, end, tell)
    tell("records", 0.9)
    add_records(client, begin, end)
    add_now(client)


def add_records(client: Client, begin: datetime, end: datetime) -> None:
    """Everything but samples, as far as it is not there."""
    begin_ms, end_ms = (int(t.timestamp() * 1000) for t in (begin, end))
    for table, add in (("frames", _frames), ("sink_batches", _batches)):
        if not _there(client, table):
            add(client, begin_ms, end_ms)
    if not _there(client, "actions"):
        _incidents(client, begin_ms, end_ms)
    if not _there(client, "maintenance"):
        _maintenance(client, begin_ms)


def _there(client: Client, table: str) -> bool:
    return bool(client.execute(f"SELECT count() FROM {table}")[0][0])


def _maintenance(client: Client, begin_ms: int) -> None:
    hour_ms = 3_600_000
    client.insert("maintenance", {
        "subject": ["rack-0000"], "since": [begin_ms + hour_ms], "until": [begin_ms + 2 * hour_ms], "text": ["filter changed"],
    }, None)  # fmt: skip


def _frames(client: Client, begin_ms: int, end_ms: int) -> None:
    """One of five ticks from each node and coolant unit; a few are missing, a few late."""
    count = (end_ms - begin_ms) // 5000
    client.execute(
        "INSERT INTO frames (source, rack, boot, seq, t, ticks, tick_ms, samples, `values`, topic_partition, record_offset, appended_at, stored_at)"
        " SELECT i.id, i.rack, 1, n.number, fromUnixTimestamp64Milli(toInt64("
        f"{begin_ms} + 5000 * n.number)) AS tick, 5, 1000, if(i.kind = 'node', 40, 5), if(i.kind = 'node', 800, 130),"
        " concat('coldplate.frames-', toString(cityHash64(i.rack) % 16)), n.number * 1000 + i.place, tick + INTERVAL 4100 + h % 300 MILLISECOND AS at,"
        " at + INTERVAL if(h % 20011 = 0, 90000, 300 + h % 1700) MILLISECOND"
        " FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM inventory FINAL WHERE kind IN ('node', 'cdu')) AS i"
        f" CROSS JOIN (SELECT number, cityHash64(number) AS h FROM numbers({count})) AS n WHERE (n.h + i.place * 7919) % 400009 != 0"
    )
    client.insert("sink_rejects", {
        "t": [begin_ms + (end_ms - begin_ms) * n // 5 for n in range(1, 5)], "topic_partition": ["coldplate.frames-3"] * 4,
        "reason": ["unreadable", "wrong-cluster", "unreadable", "too-old"], "records": [2, 1, 3, 12],
    }, None)  # fmt: skip


def _batches(client: Client, begin_ms: int, end_ms: int) -> None:
    count = (end_ms - begin_ms) // 10_000
    client.execute(
        "INSERT INTO sink_batches (kafka, topic, topic_id, partition, generation, first, last, written_at)"
        " SELECT 'day', 'coldplate.frames', 'day', p.number, 1, n.number * 100, n.number * 100 + 18 + p.number % 3,"
        f" fromUnixTimestamp64Milli(toInt64({begin_ms} + 10000 * n.number)) FROM numbers(16) AS p CROSS JOIN numbers({count}) AS n"
    )


def _incidents(client: Client, begin_ms: int, end_ms: int) -> None:
    rng = random.Random(1)  # noqa: S311  a day, no secret
    devices: dict[str, list[tuple[str, str]]] = {}
    for kind, id_, rack in client.execute("SELECT kind, id, rack FROM inventory FINAL ORDER BY id"):
        devices.setdefault(kind, []).append((id_, rack or id_))
    gpus = [g for g, _ in devices["gpu"]]
    lines: list[dict[str, Any]] = []
    deeds: list[dict[str, Any]] = []
    spots: list[dict[str, Any]] = []
    for n in range(INCIDENTS):
        kind, severity, of = KINDS[n % len(KINDS)]
        # Every third of the same device: lemons, and a rack with more than others.
        subject, rack = devices[of][0 if n % 3 == 2 else rng.randrange(len(devices[of]))]
        opened = int(begin_ms + (end_ms - begin_ms) * (n + 0.5) / INCIDENTS)
        if n % 15 == 2:
            opened = int(time.time() * 1000) - DAY_MS * (n // 15 + 1)
        closed = None if n % 10 in (3, 7) else opened + rng.randrange(120_000, 5_400_000)
        harmed = [g for g in gpus if g.startswith(rack)][: 8 if of == "cdu" else 1]
        id_ = f"day{n:04}"
        lines += _steps(id_, kind, subject, rack, severity, opened, closed, harmed, rng.randrange(1000, 20_000))  # fmt: skip
        deeds += _deeds(n, id_, opened, closed, severity)
        spots.append({"t": opened, "id": f"{id_}/on", "kind": kind, "subject": subject, "rack": rack, "severity": severity, "arrived_at": opened + 900 + 40 * n})  # fmt: skip
    _insert(client, "incidents", lines)
    _insert(client, "actions", deeds)
    _insert(client, "anomalies", [
        {"detector": "day", "fired": True, "metric": "", "value": 1.0, "threshold": 0.5, "baseline": None, "note": "", "throttle_at": None, **s}
        for s in spots
    ])  # fmt: skip
    _insert(client, "events", [
        {"t": s["t"], "id": s["id"], "kind": "xid" if n % 2 else "power_brake", "subject": s["subject"], "rack": s["rack"], "code": 31 if n % 2 else None,
         "text": "GPU memory page fault" if n % 2 else "", "data": "{}", "source": s["rack"], "boot": 1, "seq": n}
        for n, s in enumerate(spots)
    ])  # fmt: skip


def _steps(
    id_: str, kind: str, subject: str, rack: str, severity: str, opened: int, closed: int | None, harmed: Sequence[str],
    found_ms: int,
) -> list[dict[str, Any]]:  # fmt: skip
    common = {
        "id": id_, "kind": kind, "subject": subject, "rack": rack, "severity": severity, "opened_at": opened, "cause": f"{kind} on {subject}.",
        "affected": list(harmed), "evidence": [], "throttle_at": None, "throttle_seen_at": None, "first_tick_at": opened - found_ms,
    }  # fmt: skip
    steps = [{**common, "step": 0, "state": "open", "updated_at": opened, "closed_at": None, "why": f"opened by {kind}"}]  # fmt: skip
    if closed is not None:
        steps.append({**common, "step": 1, "state": "closed", "updated_at": closed, "closed_at": closed, "why": "closed: nothing holds any more"})  # fmt: skip
    return steps


def _deeds(n: int, id_: str, opened: int, closed: int | None, severity: str) -> list[dict[str, Any]]:  # fmt: skip
    plain = {"incident": id_, "step": 0, "text": "", "outcome": "", "silence_id": "", "silence": "", "receiver": "", "message": "", "phase": ""}  # fmt: skip
    out = []
    if severity in ("warning", "critical"):
        verb = ("sent", "sent", "held", "dead")[n % 4]
        out.append({**plain, "t": opened + 2000, "id": f"{id_}/m", "who": "alerter a", "verb": verb, "receiver": "oncall", "message": id_, "phase": "opened"})  # fmt: skip
        out.append({**plain, "t": opened + 90_000, "id": f"{id_}/a", "who": PEOPLE[n % 3], "verb": "ack", "text": "on my way"})  # fmt: skip
    if closed is not None and n % 2 == 0:
        outcome = ("confirmed", "false", "fixed-by")[n // 2 % 3]
        out.append({**plain, "t": closed, "id": f"{id_}/o", "who": PEOPLE[n % 3], "verb": "mark", "outcome": outcome, "text": "as seen on site"})  # fmt: skip
    if n == 0:
        made = {"reason": "filter change", "who": "ada", "from_ms": opened, "until_ms": opened + 400 * DAY_MS, "subject": "rack-0001", "planned": True}  # fmt: skip
        out.append({**plain, "incident": "", "t": opened, "id": "day/s", "who": "ada", "verb": "silence", "silence_id": "day", "silence": json.dumps(made)})  # fmt: skip
    return out


def _insert(client: Client, table: str, lines: Sequence[dict[str, Any]]) -> None:
    client.insert(table, {name: [line[name] for line in lines] for name in lines[0]}, None)
