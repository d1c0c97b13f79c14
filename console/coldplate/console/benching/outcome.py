"""What became of the frames: ids sent against ids in the history, and what the history says of time and size."""

from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from coldplate.console.asking import ask
from coldplate.console.context import Context
from coldplate.console.stack import kafka_jars

Sent = dict[tuple[str, int], "array[int]"]
"""Sequence numbers by source and boot."""


def read_ledger(path: Path) -> Sent:
    """The frames of a ledger; 8 bytes each."""
    out: Sent = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            what, *rest = line.rstrip("\n").split("\t")
            if what == "frame":
                source, boot, seq, _ = rest
                out.setdefault((source, int(boot)), array("q")).append(int(seq))
    return out


def compare(context: Context, ledger: Path, read_back: Path | None = None) -> dict[str, int]:
    """Frames and events of the ledger against those of the history.

    `sent`, `lost` (sent and not stored) and `duplicated` (stored again, or never sent) of frames; of events the same
    with a word before it.

    Parameters
    ----------
    ledger
        Ids of what was sent.
    read_back
        Where what the history has is written, in the ledger's form; None writes nothing.
    """
    sent = read_ledger(ledger)
    _, rows = ask(context, "SELECT source, boot, seq, ticks FROM frames", None, "owner")
    _, events = ask(context, "SELECT id FROM events", None, "owner")
    stored: Sent = {}
    for source, boot, seq, _ in rows:
        stored.setdefault((source, int(boot)), array("q")).append(int(seq))
    if read_back is not None:
        with read_back.open("w", encoding="utf-8") as out:
            out.writelines(
                f"frame\t{source}\t{boot}\t{seq}\t{ticks}\n" for source, boot, seq, ticks in rows
            )
            out.writelines(f"event\t{name}\n" for (name,) in events)
    lost = duplicated = 0
    for key in sent.keys() | stored.keys():
        mine = np.array(sent.get(key, ()), np.int64)
        theirs, times = np.unique(np.array(stored.get(key, ()), np.int64), return_counts=True)
        lost += len(np.setdiff1d(mine, theirs))
        duplicated += int((times - np.isin(theirs, mine)).sum())
    told, kept = read_events(ledger), Counter(name for (name,) in events)
    return {
        "sent": sum(map(len, sent.values())), "lost": lost, "duplicated": duplicated,
        "events_sent": len(told), "events_lost": len(told - kept.keys()),
        "events_duplicated": sum(n - (name in told) for name, n in kept.items()),
    }  # fmt: skip


def read_events(path: Path) -> set[str]:
    """Ids of the events of a ledger."""
    with path.open(encoding="utf-8") as lines:
        return {
            line.rstrip("\n").partition("\t")[2] for line in lines if line.startswith("event\t")
        }


def stored(context: Context) -> int:
    """Frames that are in the history."""
    (frames,) = _row(context, "SELECT count() FROM frames")
    return int(frames)


def measured(context: Context, begin_s: float, end_s: float) -> dict[str, Any]:
    """Rates and delays of the frames that Kafka got within the time measured, and the sizes of all."""
    window = {"begin": round(begin_s * 1000), "end": round(end_s * 1000)}
    frames, values, p50, p99 = _row(context, """
        SELECT count(), sum(`values`), quantile(0.5)(delay_ms), quantile(0.99)(delay_ms) FROM
        (SELECT `values`, date_diff('ms', appended_at, stored_at) AS delay_ms FROM frames
         WHERE toUnixTimestamp64Milli(appended_at) BETWEEN %(begin)s AND %(end)s)
    """, window)  # fmt: skip
    rows, size = _row(context, """
        SELECT sum(rows), sum(bytes_on_disk) FROM system.parts
        WHERE active AND database = currentDatabase() AND endsWith(table, '_samples')
    """)  # fmt: skip
    (whole,) = _row(context, """
        SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()
    """)  # fmt: skip
    (total,) = _row(context, "SELECT sum(`values`) FROM frames")
    seconds = end_s - begin_s
    return {
        "frames_per_s": round(frames / seconds, 1), "values_per_s": round(values / seconds),
        "frame_to_row_p50_s": round(p50 / 1000, 3), "frame_to_row_p99_s": round(p99 / 1000, 3),
        "rows": rows, "values": total, "disk_bytes_per_value": _share(size, total),
        "disk_bytes_per_value_with_rollups": _share(whole, total),
        "kafka_bytes_per_value": _share(kafka_bytes(context), total),
    }  # fmt: skip


def servers(context: Context) -> dict[str, str]:
    """Versions of the local stack's servers."""
    (clickhouse,) = _row(context, "SELECT version()")
    return {"kafka": kafka_jars.version(), "clickhouse": clickhouse}


def kafka_bytes(context: Context) -> int:
    """Size of the frames topic's log of the local stack."""
    logs = context.state.path.glob(f"kafka/data/{context.topics.frames}-*/*.log")
    return sum(log.stat().st_size for log in logs)


def _share(size: int, values: int) -> float:
    return round(size / max(values, 1), 3)


def _row(
    context: Context, sql: str, parameters: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    return tuple(ask(context, sql, parameters, "owner")[1][0])
