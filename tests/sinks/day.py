"""The recorded day as a history: stored by the sink's own code, its last minute being now."""

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec
import storing

from coldplate.agents.framer import Framer
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.twin.replayed import ReplayedCollector
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.topic import Topics

DAY = Path(__file__).parents[1] / "recordings/day"
CLUSTER, TOPICS = "day", Topics()
TICK_MS, FRAME_TICKS = 60_000, 5
SWAPPED = "rack-0000/node-1/gpu-2"
"""It fell off the bus twice, and was swapped at the end of the day."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was stored: the shift of its times, its begin and its end in Unix milliseconds."""

    shift_ms: int
    begin_ms: int
    end_ms: int


def load_day(client: Client, folder: Path = DAY) -> Loaded:
    """Store the day so that its last minute is the one that has just begun."""
    collector = ReplayedCollector(folder)
    ticks = round(collector.length_s * 1000 / TICK_MS)
    end_tick = int(time.time() * 1000) // TICK_MS
    first_tick = end_tick - ticks + 1
    shift_ms = first_tick * TICK_MS - collector.first_ms
    framer = Framer(CLUSTER, collector, boot=1, tick_ms=TICK_MS, ticks=FRAME_TICKS)
    frames = []
    for tick in range(first_tick, end_tick + 1):
        frames += [f.record for f in framer.add(tick, collector.sample(tick * TICK_MS))]
    frames += [f.record for f in framer.flush()] + [b"rubbish"]
    collector.close()
    by_topic = {
        TOPICS.frames: frames,
        TOPICS.events: [encode(e) for e in events(folder, collector.recording.inventory, shift_ms)],
        TOPICS.incidents: [encode(i) for i in incidents(folder, shift_ms)],
    }
    store_inventories(
        client, collector.recording.inventory, first_tick * TICK_MS, end_tick * TICK_MS
    )
    for topic, values in by_topic.items():
        records = tuple(Record(topic, 0, n, end_tick * TICK_MS, v) for n, v in enumerate(values))
        batch = Batch(topic, 0, 0, len(records) - 1, records)
        storing.store(client, batch, CLUSTER)
    return Loaded(shift_ms, first_tick * TICK_MS, end_tick * TICK_MS)


def store_inventories(client, inventory, begin_ms, end_ms):
    """The hall as it was, and as it is since one GPU was swapped."""
    store_inventory(client, inventory, begin_ms)
    after = [
        replace(d, uuid=d.uuid.replace("GPU-", "GPU-5"), serial=f"{d.serial}5")
        if d.id == SWAPPED
        else d
        for d in inventory
    ]
    store_inventory(client, Inventory(after), end_ms)


def events(folder, inventory, shift_ms):
    """As the agents sent them."""
    for seq, line in enumerate((folder / "events.jsonl").read_bytes().splitlines()):
        e = json.loads(line)
        t_ms = int(msgspec.convert(e["t"], datetime).timestamp() * 1000)
        data = dict(e.get("data") or {})
        if data.get("since_ms"):
            data["since_ms"] += shift_ms
        source = inventory.devices[e["id"]].parent
        yield Event(
            e["kind"], e["id"], inventory.rack_of(e["id"]), t_ms + shift_ms, CLUSTER, source, 1, seq,
            e.get("code"), e.get("text", ""), data,
        )  # fmt: skip


def incidents(folder, shift_ms):
    """As the worker said them."""
    later = lambda ms: None if ms is None else ms + shift_ms  # noqa: E731
    for line in (folder / "incidents.jsonl").read_bytes().splitlines():
        i = msgspec.json.decode(line, type=Incident)
        yield msgspec.structs.replace(
            i, cluster=CLUSTER, opened_ms=i.opened_ms + shift_ms, updated_ms=i.updated_ms + shift_ms,
            first_tick_ms=i.first_tick_ms + shift_ms, closed_ms=later(i.closed_ms),
            throttle_at_ms=later(i.throttle_at_ms), throttle_seen_ms=later(i.throttle_seen_ms),
            evidence=tuple(msgspec.structs.replace(e, t_ms=e.t_ms + shift_ms) for e in i.evidence),
        )  # fmt: skip
