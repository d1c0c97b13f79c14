"""What the sink's loop needs of the history: inserts, the ranges it set out to store, stored frames."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from coldplate.sinks.batch import AT_ONCE, LATER, ROLLUPS, Batch, Span, valid_spans
from coldplate.sinks.client import Client, Columns
from coldplate.sinks.dedup import Known
from coldplate.sinks.errors import MigrationError, SchemaUnfit
from coldplate.sinks.migrate import pending

LOAD_HOURS = 2
"""How far back stored frames are read at an assignment."""

_BRIEFLY = {"max_execution_time": 5, "max_threads": 1}
"""Limits of what is asked while rows wait to be stored."""


class Store(Protocol):
    """The history as the loop sees it; each call raises HistoryDown or HistoryRefused."""

    def fits(self) -> None:
        """Pass where the schema is this program's; SchemaUnfit otherwise, with what to do."""

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert one block; a repeated token changes nothing."""

    def intents(self, kafka: str, topic_id: str, partition: int, since: int | None) -> list[Span]:
        """Valid ranges written down that begin at `since` or above, in order; None: the newest."""

    def frames_since(self, topic_partition: str, since: int) -> Sequence[Known]:
        """Stored frames of records from this offset on."""

    def stored_frames(self) -> Sequence[Known]:
        """Recently stored frames as ranges of seq."""

    def gaps(self, partitions: Sequence[str], window_s: int) -> Mapping[str, int]:
        """By source: numbers between those stored in these partitions lately that are not there."""

    def dropped(self, sources: Sequence[str]) -> Mapping[str, int]:
        """By source: frames that it says it dropped lately."""


def intent_columns(
    kafka: str, topic_ids: Mapping[str, str], generation: int, batches: Sequence[Batch]
) -> Columns:
    """Columns of `sink_batches` for batches that are about to be stored."""
    return {
        "kafka": [kafka] * len(batches),
        "topic": [b.topic for b in batches],
        "topic_id": [id_of(topic_ids[b.topic], b.kind) for b in batches],
        "partition": [b.partition for b in batches],
        "generation": [generation] * len(batches),
        "first": [b.first for b in batches],
        "last": [b.last for b in batches],
    }


def id_of(topic_id: str, kind: str) -> str:
    """What stands for the topic in `sink_batches`, which had no column for kinds."""
    return f"{topic_id}/{kind}" if kind else topic_id


class ClickHouseStore:
    """`Store` over a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fits(self) -> None:
        """Pass where the schema is this program's; SchemaUnfit otherwise, with what to do."""
        try:
            missing = pending(self._client)
        except MigrationError as error:
            raise SchemaUnfit(f"the schema does not fit: {error}") from None
        if missing:
            raise SchemaUnfit(f"the schema lacks {', '.join(missing)}: run `coldplate migrate`")

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert one block; a repeated token changes nothing."""
        self._client.insert(table, columns, token)

    def intents(self, kafka: str, topic_id: str, partition: int, since: int | None) -> list[Span]:
        """Valid ranges written down that begin at `since` or above, in order; None: the newest."""
        kinds = {id_of(topic_id, kind): kind for kind in (AT_ONCE, LATER, ROLLUPS)}
        given: dict[str, object] = {"kafka": kafka, "ids": tuple(kinds), "partition": partition}
        where = "kafka = %(kafka)s AND topic_id IN %(ids)s AND partition = %(partition)s"
        if since is None:
            given["ids"] = tuple(i for i, kind in kinds.items() if kind != ROLLUPS)
            tail = "ORDER BY last DESC, first DESC LIMIT 1"
        else:
            # One that begins before the committed offset and ends after it is not valid: a range is
            # committed whole, so its writer had lost the partition and stored nothing.
            where += " AND first >= %(since)s"
            given["since"] = since
            tail = "ORDER BY first, last"
        sql = f"SELECT DISTINCT first, last, topic_id, generation FROM sink_batches WHERE {where} {tail}"  # noqa: S608
        return valid_spans(
            [
                (Span(int(first), int(last), kinds[str(of)]), int(generation))
                for first, last, of, generation in self._client.execute(sql, given)
            ]
        )

    def frames_since(self, topic_partition: str, since: int) -> list[Known]:
        """Stored frames of records from this offset on."""
        sql = """
            SELECT source, boot, seq FROM frames
            WHERE topic_partition = %(place)s AND record_offset >= %(since)s
                AND stored_at > now64(3) - toIntervalHour(%(hours)s)
        """
        given = {"place": topic_partition, "since": since, "hours": LOAD_HOURS}
        found = self._client.execute(sql, given)
        return [(source, int(boot), int(seq), int(seq)) for source, boot, seq in found]

    def stored_frames(self) -> list[Known]:
        """Recently stored frames as ranges of seq."""
        # A source without gaps, which is nearly every one, comes as one line whatever it sent.
        sql = """
            SELECT source, boot, min(seq) AS low, max(seq) AS top,
                   if(uniqExact(seq) = top - low + 1, [], arraySort(groupUniqArray(seq))) AS some
            FROM frames WHERE stored_at > now64(3) - toIntervalHour(%(hours)s)
            GROUP BY source, boot
        """
        out: list[Known] = []
        for source, boot, low, top, some in self._client.execute(sql, {"hours": LOAD_HOURS}):
            spans = ((n, n) for n in some) if some else ((low, top),)
            out += [(source, int(boot), int(first), int(last)) for first, last in spans]
        return out

    def gaps(self, partitions: Sequence[str], window_s: int) -> dict[str, int]:
        """By source: numbers between those stored in these partitions lately that are not there."""
        given = {"partitions": tuple(partitions), "window": window_s, "hours": LOAD_HOURS}
        ours = "topic_partition IN %(partitions)s AND stored_at > now64(3) -"
        broken = (
            "SELECT source, boot, min(seq) AS low, max(seq) AS top FROM frames "  # noqa: S608
            f"WHERE {ours} toIntervalSecond(%(window)s) "
            "GROUP BY source, boot HAVING uniqExact(seq) < top - low + 1"
        )
        if not self._client.query(f"{broken} LIMIT 1", given, _BRIEFLY)[1]:
            return {}
        # A spool that is sent closes gaps of before: then the numbers between are of earlier.
        sql = f"""
            SELECT source, sum(due - there) AS n FROM
            (
                SELECT g.source AS source, any(g.top - g.low + 1) AS due, uniqExact(f.seq) AS there
                FROM ({broken}) AS g
                GLOBAL INNER JOIN
                (
                    SELECT source, boot, seq FROM frames
                    WHERE {ours} toIntervalHour(%(hours)s) AND (source, boot) GLOBAL IN (SELECT source, boot FROM ({broken}))
                ) AS f ON f.source = g.source AND f.boot = g.boot
                WHERE f.seq BETWEEN g.low AND g.top
                GROUP BY g.source, g.boot
            )
            GROUP BY source HAVING n > 0
        """  # noqa: S608
        _, rows = self._client.query(sql, given, _BRIEFLY)
        return {str(source): int(n) for source, n in rows}

    def dropped(self, sources: Sequence[str]) -> dict[str, int]:
        """By source: frames that it says it dropped lately."""
        sql = """
            SELECT i.id, sum(d.n) FROM
            (
                SELECT device, boot, max(dropped_frames_total) - min(dropped_frames_total) AS n FROM node_samples
                WHERE t > now64(3) - toIntervalHour(%(hours)s)
                    AND device GLOBAL IN (SELECT device FROM inventory FINAL WHERE id IN %(sources)s)
                GROUP BY device, boot
            ) AS d
            GLOBAL INNER JOIN (SELECT device, id FROM inventory FINAL) AS i ON i.device = d.device
            GROUP BY i.id
        """
        given = {"sources": tuple(sources), "hours": LOAD_HOURS}
        _, rows = self._client.query(sql, given, _BRIEFLY)
        return {str(source): int(n or 0) for source, n in rows}
