"""What the sink's loop needs of the history: inserts, the ranges it set out to store, stored frames."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from coldplate.sinks.batch import Batch, Span, valid_spans
from coldplate.sinks.client import Client, Columns
from coldplate.sinks.dedup import Known
from coldplate.sinks.errors import MigrationError, SchemaUnfit
from coldplate.sinks.migrate import pending

LOAD_HOURS = 2
"""How far back stored frames are read at an assignment."""


class Store(Protocol):
    """The history as the loop sees it; each call raises HistoryDown or HistoryRefused."""

    def fits(self) -> None:
        """Pass where the schema is this program's; SchemaUnfit otherwise, with what to do."""

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert one block; a repeated token changes nothing."""

    def intents(self, kafka: str, topic_id: str, partition: int, since: int | None) -> list[Span]:
        """Valid ranges written down that begin at `since` or above, in order; None: the newest."""

    def stored_frames(self) -> Sequence[Known]:
        """Recently stored frames as ranges of seq."""


def intent_columns(
    kafka: str, topic_ids: Mapping[str, str], generation: int, batches: Sequence[Batch]
) -> Columns:
    """Columns of `sink_batches` for batches that are about to be stored."""
    return {
        "kafka": [kafka] * len(batches),
        "topic": [b.topic for b in batches],
        "topic_id": [topic_ids[b.topic] for b in batches],
        "partition": [b.partition for b in batches],
        "generation": [generation] * len(batches),
        "first": [b.first for b in batches],
        "last": [b.last for b in batches],
    }


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
        given: dict[str, object] = {"kafka": kafka, "topic_id": topic_id, "partition": partition}
        where = "kafka = %(kafka)s AND topic_id = %(topic_id)s AND partition = %(partition)s"
        if since is None:
            tail = "ORDER BY last DESC, first DESC LIMIT 1"
        else:
            # One that begins before the committed offset and ends after it is not valid: a range is
            # committed whole, so its writer had lost the partition and stored nothing.
            where += " AND first >= %(since)s"
            given["since"] = since
            tail = "ORDER BY first, last"
        sql = f"SELECT DISTINCT first, last, generation FROM sink_batches WHERE {where} {tail}"  # noqa: S608
        rows = self._client.execute(sql, given)
        return valid_spans([(Span(int(a), int(b)), int(generation)) for a, b, generation in rows])

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
