"""Records to the history as the sink brings them there: a batch, tokens of its offsets, rollups at once."""

from coldplate.sinks.dedup import Dedup
from coldplate.sinks.later import rolled_up
from coldplate.sinks.prepare import prepare
from coldplate.wire.topic import Topics


def store(client, batch, cluster, log="kafka"):
    """Store a batch of one of the topics; what there was in it."""
    prepared = prepare(batch, Topics(), cluster, Dedup())
    for table, columns in prepared.inserts:
        client.insert(table, columns, batch.token(log, batch.topic, table))
    for table, number, columns in rolled_up({t: [dict(c)] for t, c in prepared.samples.items()}):
        client.insert(table, columns, batch.token(log, batch.topic, f"{table}/{number}"))
    return prepared
