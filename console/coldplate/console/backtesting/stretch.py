"""Which stretch of the history can be run again: what raw samples there are of it, and what to say where there are none.

Only samples of every tick can be run: rollups are kept for longer and have lost what detectors look at.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.sinks.client import Client
from coldplate.sinks.retention import Retention
from coldplate.sinks.tables import SAMPLE_TABLES

TABLES = tuple(t for t in SAMPLE_TABLES if not t.sparse)
_EDGES = "SELECT toUnixTimestamp64Milli(min(t)), toUnixTimestamp64Milli(max(t)), count() FROM {table}"  # fmt: skip
_SOME = "SELECT tick_ms FROM {table} WHERE t >= %(begin)s AND t < %(end)s LIMIT 1"
_ROLLED_UP = "SELECT toUnixTimestamp(min(t)) * 1000, count() FROM {kind}_1h_stats"
_USUAL = """
SELECT tick_ms FROM {table} WHERE t >= %(begin)s AND t < %(end)s GROUP BY tick_ms ORDER BY count() DESC LIMIT 1
"""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is run; all times in Unix milliseconds, whole ticks.

    Parameters
    ----------
    begin_ms
        First tick of the warm-up.
    from_ms
        First tick that counts.
    to_ms
        The tick after the last.
    tick_ms
        Length of a tick.
    notes
        For a person: where it is less than was asked for.
    """

    begin_ms: int
    from_ms: int
    to_ms: int
    tick_ms: int
    notes: tuple[str, ...] = ()


def stretch_of(client: Client, begin: datetime, end: datetime, warmup_s: float) -> Stretch:
    """The stretch between two times, as far as there are samples.

    Raises
    ------
    Failure
        There is no sample, or they are gone and only rollups are left.
    HistoryDown, HistoryRefused
    """
    oldest_ms, newest_ms = _edges(client)
    gone = _rolled_up_ms(client) < oldest_ms - HOUR_MS
    from_ms, to_ms = _ms(begin), _ms(end)
    if gone and from_ms < oldest_ms - oldest_ms % HOUR_MS:
        raise Failure(
            f"raw samples from before {_told(oldest_ms)} are gone (retention.raw_days; {Retention().raw_days} unless"
            " configured), and the rollups that are left of that time cannot be run again:"
            f" begin with --from {_told(oldest_ms)}Z", BAD_INPUT,
        )  # fmt: skip
    table = _table_with_samples(client, begin, end)
    if table is None:
        raise Failure(
            f"there is no sample from {_told(from_ms)} to {_told(to_ms)} UTC; the history has"
            f" {_told(oldest_ms)} to {_told(newest_ms)}", BAD_INPUT,
        )  # fmt: skip
    tick_ms = _tick_ms(client, table, max(from_ms, oldest_ms), to_ms)
    notes = []
    if from_ms < oldest_ms:
        notes.append(f"the history begins at {_told(oldest_ms)}Z")
    if to_ms > newest_ms + tick_ms:
        notes.append(f"the history ends at {_told(newest_ms)}Z")
    first_ms = max(from_ms, oldest_ms)
    begin_ms = max(first_ms - int(warmup_s * 1000), oldest_ms)
    if first_ms - begin_ms < warmup_s * 1000:
        notes.append(f"samples for the warm-up: {(first_ms - begin_ms) / 1000:g} s")

    def whole(t_ms: int) -> int:
        return t_ms // tick_ms * tick_ms

    last_ms = whole(min(to_ms, newest_ms + tick_ms) + tick_ms - 1)
    return Stretch(whole(begin_ms), whole(first_ms), last_ms, tick_ms, tuple(notes))


def _edges(client: Client) -> tuple[int, int]:
    found = [client.execute(_EDGES.format(table=t.name))[0] for t in TABLES]
    there = [(int(first), int(last)) for first, last, count in found if count]
    if not there:
        raise Failure("the history has no samples; `coldplate sink` writes them", BAD_INPUT)
    return min(first for first, _ in there), max(last for _, last in there)


def _rolled_up_ms(client: Client) -> float:
    """The oldest hour of which there is a rollup; infinite without one."""
    found = [client.execute(_ROLLED_UP.format(kind=t.kind.word))[0] for t in TABLES]
    return min((int(first) for first, count in found if count), default=float("inf"))


def _table_with_samples(client: Client, begin: datetime, end: datetime) -> str | None:
    """The first table that has a sample in between."""
    between = {"begin": begin, "end": end}
    return next(
        (t.name for t in TABLES if client.execute(_SOME.format(table=t.name), between)), None
    )


def _tick_ms(client: Client, table: str, from_ms: int, to_ms: int) -> int:
    """The usual one of the first minutes that have samples; a tick of another length stands at its own begin."""
    last = datetime.fromtimestamp(to_ms / 1000, UTC)
    for minutes in (10, 60, 1440, None):
        begin = datetime.fromtimestamp(from_ms / 1000, UTC)
        end = last if minutes is None else min(last, begin + timedelta(minutes=minutes))
        if found := client.execute(_USUAL.format(table=table), {"begin": begin, "end": end}):
            return int(found[0][0])
    raise AssertionError(f"{table} had a sample in between")


def _ms(t: datetime) -> int:
    return int(t.timestamp() * 1000)


def _told(t_ms: int) -> str:
    return f"{datetime.fromtimestamp(t_ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}"
