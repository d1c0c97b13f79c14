"""What a sink counts; every count only grows until the process ends."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from coldplate.sinks.batch import Batch
from coldplate.sinks.lag import Lag
from coldplate.sinks.ledger import Ledger
from coldplate.sinks.prepare import Prepared
from coldplate.wire.delays import Delays


@dataclass(slots=True)
class Stats:
    """Counts since start.

    Parameters
    ----------
    frames, values
        Stored frames, and values present in them.
    rows
        Rows stored by table, this sink's own books left out.
    duplicates
        Frames that were in the history already and were dropped.
    rejected
        Records not stored, by reason.
    batches, redone
        Batches stored, and how many of them repeated the range of an earlier run.
    retries
        Inserts that had to be tried again.
    lag_s
        Age of the newest stored record when it was stored: now against Kafka's append time.
    delay
        Such ages, of all batches.
    lag
        How far the history is behind Kafka, and how long Kafka keeps what is not stored.
    later_rows
        Samples that are stored and wait for their rollups.
    ledger
        Whether every frame that agents numbered lately is there; looked up once a minute.
    partitions
        Partitions that this sink reads now.
    waiting_for
        "clickhouse", "kafka" or "" while all answers.
    """

    frames: int = 0
    values: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    redone: int = 0
    retries: int = 0
    lag_s: float = 0.0
    delay: Delays = field(default_factory=Delays)
    lag: Lag = field(default_factory=Lag)
    later_rows: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    partitions: int = 0
    waiting_for: str = ""

    def count(self, batch: Batch, prepared: Prepared) -> None:
        """Take in a batch that is stored."""
        self.batches += 1
        self.redone += batch.redo
        self.frames += len(prepared.identities)
        self.values += prepared.values
        # In a range that is redone, frames that are there already are the first attempt's.
        self.duplicates += 0 if batch.redo else prepared.duplicates
        self.rejected += prepared.rejected
        for table, columns in prepared.inserts:
            if table not in ("frames", "sink_rejects"):
                self.rows[table] += len(next(iter(columns.values())))
        if batch.records:
            self.lag_s = time.time() - batch.records[-1].timestamp_ms / 1000
            self.delay.add(self.lag_s)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and dictionaries, for a file or /metrics."""
        return {
            "frames": self.frames, "values": self.values, "rows": dict(self.rows),
            "duplicates": self.duplicates, "rejected": dict(self.rejected),
            "batches": self.batches, "redone": self.redone, "retries": self.retries,
            "lag_s": round(self.lag_s, 3), "delay": self.delay.as_dict(), "lag_records": self.lag.records,
            "lag_oldest_s": self.lag.oldest_s, "retention_left_s": self.lag.left_s,
            "later_rows": self.later_rows,
            "ledger_missing": self.ledger.missing, "ledger_dropped": self.ledger.dropped,
            "ledger_sources": self.ledger.sources, "partitions": self.partitions, "waiting_for": self.waiting_for,
        }  # fmt: skip
