"""What was sent against what the history holds, by the identity of every frame."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coldplate.wire.frame import Identity
from coldplate.wire.ports import History


@dataclass(frozen=True, slots=True)
class Books:
    """The comparison.

    Parameters
    ----------
    produced, stored
        Frames handed to the publishers; those of them in the history.
    lost, duplicated
        Frames that are not in the history; that are there more than once.
    rows, values
        GPU rows of these runs, and values present in their frames.
    """

    produced: int
    stored: int
    lost: int
    duplicated: int
    rows: int
    values: int


def read_ledger(path: Path) -> list[Identity]:
    """Identities of the frames in a ledger that a running part has closed."""
    out: list[Identity] = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        kind, *fields = line.split("\t")
        if kind == "frame":
            out.append((fields[0], int(fields[1]), int(fields[2])))
    return out


def compare(history: History, ledgers: Iterable[Path]) -> Books:
    """Compare ledgers with the history.

    Raises
    ------
    HistoryError
        When the history does not answer.
    """
    sent = [identity for path in ledgers for identity in read_ledger(path)]
    boots = tuple(sorted({boot for _, boot, _ in sent})) or (0,)
    given = {"boots": boots}
    _, found = history.query(
        "SELECT source, boot, seq, `values` FROM frames WHERE boot IN %(boots)s", given
    )
    stored = Counter((str(s), int(b), int(q)) for s, b, q, _ in found)
    _, rows = history.query("SELECT count() FROM gpu_samples WHERE boot IN %(boots)s", given)
    _, twice = history.query(
        "SELECT uniqExact(boot, seq) FROM (SELECT boot, seq FROM gpu_samples WHERE boot IN %(boots)s"
        " GROUP BY device, t, boot, seq HAVING count() > 1)",
        given,
    )
    doubled = sum(count - 1 for count in stored.values() if count > 1)
    return Books(
        produced=len(sent),
        stored=sum(1 for identity in set(sent) if identity in stored),
        lost=len(set(sent) - set(stored)),
        duplicated=max(doubled, int(twice[0][0])),
        rows=int(rows[0][0]),
        values=sum(int(v) for *_, v in found),
    )
