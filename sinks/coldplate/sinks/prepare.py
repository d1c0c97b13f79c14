"""A batch to the inserts that store it; nothing here fails, what is wrong with a record is counted."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Columns
from coldplate.sinks.records import (
    action_columns,
    anomaly_columns,
    baseline_columns,
    event_columns,
    incident_columns,
)
from coldplate.sinks.rows import Samples, sample_columns
from coldplate.wire.action import Action
from coldplate.wire.admission import admit, admit_event
from coldplate.wire.baseline import Baselines, check
from coldplate.wire.codec import decode
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
from coldplate.wire.frame import Frame, Identity, decode_frame
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.signature import Seals
from coldplate.wire.topic import Topics

Small = TypeVar("Small", Event, Anomaly, Incident, Action, Baselines)

# 2100-01-01: a partition is a day, and ClickHouse counts days to 2149 only.
_T_MS_MAX = 4_102_444_800_000


@dataclass(slots=True)
class Prepared:
    """What storing a batch means.

    Parameters
    ----------
    inserts
        Table and columns, in the order in which they must be stored: `frames` is the last, so that a
        frame listed there is stored whole.
    identities
        Frames that are stored when the inserts are done.
    values
        Present values.
    duplicates
        Frames left out because they were stored before.
    rejected
        Records left out, by reason.
    samples
        Columns by table, of which rollups are still to be made.
    """

    inserts: list[tuple[str, Columns]] = field(default_factory=list)
    identities: set[Identity] = field(default_factory=set)
    values: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    samples: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)


def prepare(
    batch: Batch,
    topics: Topics,
    cluster: str,
    stored: Container[Identity],
    seals: Seals | None = None,
) -> Prepared:
    """The inserts of a batch.

    Parameters
    ----------
    batch
        Of one of the topics.
    topics
        Their names.
    cluster
        Whose records are taken.
    stored
        Frames that are in the history.
    seals
        Tell whether a record is its source's own; None believes all.
    """
    out = Prepared()
    if batch.topic == topics.frames:
        _frames(batch, cluster, stored, out, seals)
    else:
        _small(batch, topics, cluster, out, seals)
    if out.rejected:
        # Before `frames`, which is the last.
        out.inserts.insert(0, ("sink_rejects", _reject_columns(batch, out.rejected)))
    return out


def _small(batch: Batch, topics: Topics, cluster: str, out: Prepared, seals: Seals | None) -> None:
    records = batch.records
    if batch.topic == topics.events:
        table, columns = "events", event_columns(_decoded(records, Event, cluster, out, seals))
    elif batch.topic == topics.anomalies:
        table, columns = "anomalies", anomaly_columns(_decoded(records, Anomaly, cluster, out))
    elif batch.topic == topics.baselines:
        table, columns = "baselines", baseline_columns(_decoded(records, Baselines, cluster, out))
    elif batch.topic == topics.actions:
        table, columns = "actions", action_columns(_decoded(records, Action, cluster, out))
    else:
        table, columns = "incidents", incident_columns(_decoded(records, Incident, cluster, out))
    if columns["id"]:
        out.inserts.append((table, columns))


def _frames(
    batch: Batch, cluster: str, stored: Container[Identity], out: Prepared, seals: Seals | None
) -> None:
    frames: list[Frame] = []
    records: list[Record] = []
    for record in batch.records:
        try:
            frame = _admitted(record, cluster, seals)
        except WireError as error:
            out.rejected[error.reason.value] += 1
            continue
        identity = frame.head.identity
        if identity in out.identities or identity in stored:
            out.duplicates += 1
            continue
        out.identities.add(identity)
        frames.append(frame)
        records.append(record)
    if frames:
        samples = sample_columns(frames)
        out.values = int(samples.values.sum())
        out.samples = samples.tables
        out.inserts += samples.tables.items()
        out.inserts.append(("frames", _frame_columns(batch, frames, records, samples)))


def _admitted(record: Record, cluster: str, seals: Seals | None) -> Frame:
    frame = decode_frame(record.value)
    if seals is not None:
        seals.check(frame.head.source, record.value, record.signature)
    admit(frame.head, record.timestamp_ms, cluster)
    if not 0 <= record.timestamp_ms < _T_MS_MAX:
        raise WireError(Reason.TICK_AHEAD, "the record's own time is not of this century")
    return frame


def _frame_columns(
    batch: Batch, frames: list[Frame], records: list[Record], samples: Samples
) -> Columns:
    heads = [f.head for f in frames]
    return {
        "source": [h.source for h in heads],
        "rack": [h.rack for h in heads],
        "boot": np.array([h.boot for h in heads], np.uint64),
        "seq": np.array([h.seq for h in heads], np.uint64),
        "t": np.array([h.tick * h.tick_ms for h in heads], np.int64),
        "ticks": np.array([h.ticks for h in heads], np.uint16),
        "tick_ms": np.array([h.tick_ms for h in heads], np.uint32),
        "samples": samples.samples,
        "values": samples.values,
        "topic_partition": [f"{batch.topic}/{batch.partition}"] * len(heads),
        "record_offset": np.array([r.offset for r in records], np.uint64),
        "appended_at": np.array([r.timestamp_ms for r in records], np.int64),
    }


def _decoded(
    records: Iterable[Record], kind: type[Small], cluster: str, out: Prepared,
    seals: Seals | None = None,
) -> list[Small]:  # fmt: skip
    good: list[Small] = []
    for record in records:
        try:
            small = decode(kind, record.value)
            if isinstance(small, Event):
                if seals is not None:
                    seals.check(small.source, record.value, record.signature)
                admit_event(small, record.timestamp_ms, cluster)
            elif isinstance(small, Baselines):
                check(small)
        except WireError as error:
            out.rejected[error.reason.value] += 1
            continue
        if small.cluster != cluster:
            out.rejected[Reason.WRONG_CLUSTER.value] += 1
        elif not _storable(small):
            out.rejected[Reason.BAD_SHAPE.value] += 1
        else:
            good.append(small)
    return good


def _storable(small: Event | Anomaly | Incident | Action | Baselines) -> bool:
    """Whether every number fits its column: one that does not would fail the whole insert."""
    if isinstance(small, Event):
        times: tuple[int | None, ...] = (small.t_ms,)
        whole = 0 <= small.boot < 1 << 64 and 0 <= small.seq < 1 << 64
        fits = whole and (small.code is None or -(1 << 63) <= small.code < 1 << 63)
    elif isinstance(small, Anomaly):
        times, fits = (small.t_ms, small.throttle_at_ms, small.arrived_ms), True
    elif isinstance(small, Action):
        silence = small.silence
        times = (small.t_ms, *((silence.from_ms, silence.until_ms) if silence else ()))
        fits = 0 <= small.step < 1 << 32
    elif isinstance(small, Baselines):
        learnt = [e.array("learnt_ms") for b in small.blocks for e in b.learnt]
        fits = all(bool(((a >= 0) & (a < _T_MS_MAX) | np.isnan(a)).all()) for a in learnt)
        times = (small.t_ms,)
    else:
        times = (
            small.opened_ms, small.updated_ms, small.closed_ms, small.first_tick_ms,
            small.throttle_at_ms, small.throttle_seen_ms,
        )  # fmt: skip
        fits = 0 <= small.step < 1 << 32
    return fits and all(t is None or 0 <= t < _T_MS_MAX for t in times)


def _reject_columns(batch: Batch, rejected: Counter[str]) -> Columns:
    reasons = sorted(rejected)
    newest_ms = max((r.timestamp_ms for r in batch.records), default=0)
    return {
        "t": [newest_ms] * len(reasons),
        "topic_partition": [f"{batch.topic}/{batch.partition}"] * len(reasons),
        "reason": reasons,
        "records": [rejected[r] for r in reasons],
    }
