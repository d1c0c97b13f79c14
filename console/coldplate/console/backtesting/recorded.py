"""Incidents that the history has of a time, and the outcomes that people have marked them with."""

from collections.abc import Iterator

from coldplate.console.backtesting.episode import Episode, Recorded
from coldplate.console.backtesting.matching import AFTER_MS, BEFORE_MS
from coldplate.console.backtesting.stretch import Stretch
from coldplate.sinks.client import Client
from coldplate.streams.correlate import PART_OF
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import Inventory

NO_MARKS = "the history has no table of actions: run `coldplate migrate`; until then nobody can mark what was false"

_INCIDENTS = """
SELECT id, argMax(kind, (state = 'open', step)), argMax(subject, (state = 'open', step)), groupUniqArray(severity),
    toUnixTimestamp64Milli(argMax(opened_at, step)) AS opened_ms,
    if(argMax(state, step) = 'closed', toUnixTimestamp64Milli(assumeNotNull(argMax(closed_at, step))), NULL) AS closed_ms,
    startsWith(argMax(cause, step), %(part_of)s)
FROM incidents
GROUP BY id
HAVING opened_ms < %(end_ms)s AND (closed_ms IS NULL OR closed_ms >= %(begin_ms)s)
ORDER BY opened_ms, id
"""
_HAS_ACTIONS = "SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'actions' AND name = 'outcome'"  # fmt: skip
_MARKS = """
SELECT incident, argMax(toString(outcome), (t, id)) FROM actions
WHERE verb = 'mark' AND incident != '' GROUP BY incident
"""

_ORDER = {severity: i for i, severity in enumerate(Severity)}


def recorded_incidents(
    client: Client, stretch: Stretch, within: Inventory | None
) -> tuple[list[Recorded], list[str]]:
    """Incidents that a replay of a stretch could tell of, and notes for a person.

    Parameters
    ----------
    within
        Only of these devices, and of what stands above them; None: all.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    marks, notes = _marks(client)
    found = [
        Recorded(episode, marks.get(episode.id))
        for episode in _episodes(client, stretch)
        if within is None or episode.subject in within
    ]
    return found, notes


def _episodes(client: Client, stretch: Stretch) -> Iterator[Episode]:
    asked = {
        "part_of": PART_OF, "begin_ms": stretch.begin_ms - AFTER_MS,
        "end_ms": stretch.to_ms + BEFORE_MS,
    }  # fmt: skip
    for id_, kind, subject, severities, opened_ms, closed_ms, part in client.execute(
        _INCIDENTS, asked
    ):
        severity = max((Severity(s) for s in severities), key=_ORDER.__getitem__)
        # A ticket that turned out to be part of another incident counts from that one's opening.
        if not part or severity.pages:
            yield Episode(id_, kind, subject, severity, opened_ms, closed_ms)


def _marks(client: Client) -> tuple[dict[str, str | None], list[str]]:
    """The last mark of each incident."""
    if not client.execute(_HAS_ACTIONS)[0][0]:
        return {}, [NO_MARKS]
    return {id_: outcome or None for id_, outcome in client.execute(_MARKS)}, []
