"""A backtest: two settings over one stretch of the history, held against what people said of its incidents."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from coldplate.console.backtesting.episode import Recorded
from coldplate.console.backtesting.figures import differences, figures, judge, leave_matching
from coldplate.console.backtesting.happened import Happened
from coldplate.console.backtesting.heard import Heard
from coldplate.console.backtesting.learnt import Known, known_at
from coldplate.console.backtesting.matching import places_of
from coldplate.console.backtesting.proposed import changes
from coldplate.console.backtesting.recorded import recorded_incidents
from coldplate.console.backtesting.replay import DAY_MS, Replay, Side, Tell
from coldplate.console.backtesting.stretch import HOUR_MS, stretch_of
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import rfc3339
from coldplate.console.past import inventory_of
from coldplate.sinks.client import Client
from coldplate.streams.parameters import Parameters
from coldplate.wire.inventory import Inventory

CURRENT, PROPOSED = "current", "proposed"
NOTHING_MARKED = (
    "no incident of this time is marked: precision and recall are not known (`coldplate incidents`)"
)
LATER = "baselines of {later} of {racks} racks were written down later than this begins: see docs/backtest.md"
UNCHANGED = "nothing is changed: the proposed settings are the current ones"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backtest is of.

    Parameters
    ----------
    begin, end
        What counts.
    warmup_s
        So much before is run first, and does not count.
    racks
        Of these only; empty: of all.
    baselines
        Whether to begin with what detectors had learnt.
    """

    begin: datetime
    end: datetime
    warmup_s: float = 600.0
    racks: tuple[str, ...] = ()
    baselines: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """Both settings."""

    current: Parameters
    proposed: Parameters

    @property
    def named(self) -> dict[str, Parameters]:
        """Those that have to be run: one where nothing is changed."""
        if self.current.sha == self.proposed.sha:
            return {CURRENT: self.current}
        return {CURRENT: self.current, PROPOSED: self.proposed}


def backtest(
    client: Client, cluster: str, asked: Asked, settings: Settings, *,
    listed: Inventory | None = None, out: Path | None = None, tell: Tell = lambda _: None,
) -> dict[str, Any]:  # fmt: skip
    """Run it; the keys of `coldplate backtest --json`.

    Parameters
    ----------
    client, cluster
        The history, and whose it is.
    asked
        Which stretch.
    settings
        What is compared.
    listed
        The configured inventory, which knows models; the history does not.
    out
        Folder for the incidents of both and the matching; None for none.
    tell
        Told which share is done.

    Raises
    ------
    Failure
        There is nothing to be run.
    HistoryDown, HistoryRefused
    """
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    inventory = _inventory(client, asked.racks, listed)
    within = inventory if asked.racks else None
    stretch = stretch_of(client, asked.begin, asked.end, asked.warmup_s)
    recorded, notes = recorded_incidents(client, stretch, within)
    known = known_at(client, cluster, stretch.begin_ms, asked.racks) if asked.baselines else Known()  # fmt: skip
    heard = Heard(client, inventory, stretch.tick_ms, asked.racks)
    happened = Happened(client, cluster, stretch.begin_ms, stretch.to_ms, within)
    with ExitStack() as stack:
        sides = {
            name: Side(cluster, inventory, parameters, known.records, _lines(stack, out, name))
            for name, parameters in settings.named.items()
        }
        replay = Replay(cluster, heard, happened, list(sides.values()))
        replay.run(stretch, tell)
    if not replay.counted_ms:
        raise Failure(f"of {', '.join(asked.racks)} there is no sample of that time", BAD_INPUT)
    places = places_of(inventory)
    judged = {n: judge(recorded, side.episodes, places, stretch) for n, side in sides.items()}
    if out is not None:
        leave_matching(out, judged)
    current, proposed = judged[CURRENT], judged.get(PROPOSED, judged[CURRENT])
    counts = Counter(_word(r) for r, _ in current.told)
    cpu_s = time.process_time() - began_cpu_s
    if not any(r.outcome for r, _ in current.told):
        notes.append(NOTHING_MARKED)
    if known.later:
        notes.append(LATER.format(later=known.later, racks=known.racks))
    if len(sides) == 1:
        notes.append(UNCHANGED)
    rejected = {name: side.rejected for name, side in sides.items() if side.rejected}
    return {
        "from": rfc3339(stretch.from_ms),
        "to": rfc3339(stretch.to_ms),
        "warmup_s": (stretch.from_ms - stretch.begin_ms) / 1000,
        "gpu_days": round(replay.gpu_ms / DAY_MS, 4),
        "parameters": changes(settings.current, settings.proposed),
        "recorded": {word: counts[word] for word in ("confirmed", "false", "unmarked")},
        CURRENT: figures(current, replay.counted_ms),
        PROPOSED: figures(proposed, replay.counted_ms),
        "differences": differences(current, proposed, places),
        "baselines": {"racks": known.racks, "later": known.later},
        "missing": heard.missing,
        "notes": [*stretch.notes, *notes],
        "seconds": round(time.monotonic() - began_s, 3),
        "gpu_hours_per_cpu_s": round(replay.run_gpu_ms / HOUR_MS / cpu_s, 3),
        **({"rejected": rejected} if rejected else {}),
    }


def _word(of: Recorded) -> str:
    return "confirmed" if of.is_true else "false" if of.is_false else "unmarked"


def _inventory(client: Client, racks: Sequence[str], listed: Inventory | None) -> Inventory:
    found = inventory_of(client, racks)
    if unknown := sorted(set(racks) - {d.id for d in found.of_kind("rack")}):
        raise Failure(
            f"the history knows no rack {', '.join(unknown)}; `coldplate inventory` lists them", BAD_INPUT
        )  # fmt: skip
    if not len(found):
        raise Failure(
            "the history has no inventory: `coldplate migrate --inventory FILE`", BAD_INPUT
        )
    sku = {} if listed is None else {d.id: d.sku for d in listed if d.sku}
    return Inventory(replace(d, sku=sku.get(d.id, "")) for d in found) if sku else found


def _lines(stack: ExitStack, out: Path | None, name: str) -> BinaryIO | None:
    """Where a setting's incidents go."""
    if out is None:
        return None
    out.mkdir(parents=True, exist_ok=True)
    return stack.enter_context((out / f"incidents-{name}.jsonl").open("wb"))
