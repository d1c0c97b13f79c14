"""Draws the board as lines of a terminal; the same for the screen and for `--once`. Letters say what colours say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from coldplate.console.bringup.board import Board
from coldplate.console.bringup.states import STATES
from coldplate.console.bringup.telling import burn_up, when
from coldplate.console.live.words import lasted, number, safe

LETTERS = dict(zip(STATES, ".dcflthBAX#", strict=True))
"""One a state: planned, delivered, cabled, filled, f-l-ushed, tight, powered (h: there is heat), burning in, accepted, held, training."""

STYLES = {
    "planned": "dim", "burning-in": "yellow", "accepted": "green", "held": "bold reverse red", "in-training": "bold cyan",
}  # fmt: skip
BARS = "▁▂▃▄▅▆▇█"
HELD_MAX, LABEL = 8, 12


@dataclass(frozen=True, slots=True)
class Drawing:
    """A board as rich draws it, in the width that there is.

    Parameters
    ----------
    board
        What is to be shown.
    away
        Why it is of the past; "" when it is not.
    """

    board: Board
    away: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All of it, cut at the terminal's edges."""
        found = list(lines(self.board, options.max_width, self.away))
        room = console.height - 1 if console.is_terminal else len(found)
        if len(found) > room:
            left = len(found) - room + 1
            found[max(0, room - 1) :] = [Text(f"{left} more lines; a taller terminal shows them")]
        for line in found:
            line.no_wrap, line.overflow = True, "ellipsis"
        yield Group(*found)


def lines(board: Board, width: int, away: str = "") -> Iterator[Text]:
    """From the top: numbers, phase, forecast, racks, queues, held racks."""
    if away:
        yield Text(f"ClickHouse away: {safe(away)}; it is asked again", style="bold reverse")
    yield from _head(board)
    yield Text("")
    yield from _tiles(board, width)
    yield Text("")
    yield from _queues(board)
    yield from _held(board)


def _head(board: Board) -> Iterator[Text]:
    day, plan = board.day, board.plan
    accepted = board.by_state["accepted"] + board.by_state["in-training"]
    first = Text("", style="bold")
    first.append(f"day {number(day)} of {plan.days:g}")
    first.append(f"  accepted {accepted} of {len(board.racks)} racks")
    if day is not None:
        first.append(f" (plan {plan.planned(day):.0f})")
    first.append(f"  usable {board.usable:,} GPUs")
    yield first
    yield Text(f"accepted today {board.today}, in 24 h {board.last_24h}; the plan has {1440 / plan.pace_minutes:.0f} a day, one per {plan.pace_minutes:.1f} min")  # fmt: skip
    yield _phase(board)
    yield _finish(board)
    if spark := _burn(board):
        yield Text(spark)


def _phase(board: Board) -> Text:
    phase, found = board.phase, board.largest
    out = Text("first phase ")
    out.append("READY" if phase.ready else "not ready", "bold green" if phase.ready else "bold")
    if found is None:
        out.append(": no rack is accepted and free")
    else:
        first, last = (safe(board.racks[n].place.rack) for n in (found.first, found.last))
        out.append(f": {found.gpus:,} GPUs contiguous ({first} to {last}, {safe(found.line)})")
    if phase.next_gpus is None:
        out.append("; no line of racks holds more")
    else:
        at = when(board, phase.p50_day)
        late = when(board, phase.p90_day)
        sure = f"{_minute(at)} (90 %: {_minute(late)})" if at else "-"
        out.append(f"; {phase.next_gpus:,} GPUs: {sure}")
    return out


def _finish(board: Board) -> Text:
    if board.forecast is None:
        return Text("finish -: no forecast yet", style="dim")
    p50, p90 = (board.forecast.finish_day(q) for q in (0.5, 0.9))
    late = p50 - board.plan.days
    words = f"finish day {p50:.1f} (90 %: {p90:.1f}), {_minute(when(board, p50))}"
    out = Text(f"{words}, {abs(late):.1f} days {'after' if late > 0 else 'before'} the plan's")
    out.stylize("yellow" if late > 0 else "green")
    return out


def _burn(board: Board) -> str:
    rows = burn_up(board)
    total = max(1, len(board.racks))
    done = "".join(_bar((r["accepted"] or 0) / total) for r in rows if r["accepted"] is not None)
    ahead = "".join(_bar(r["p50"] / total) for r in rows if r["accepted"] is None and r["p50"])
    return f"burn-up by day {done}|{ahead}" if rows else ""


def _bar(share: float) -> str:
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]


def _tiles(board: Board, width: int) -> Iterator[Text]:
    key = Text("")
    for state, count in board.by_state.items():
        key.append(f"{LETTERS[state]} {state} {count}  ", STYLES.get(state, ""))
    yield key
    room = max(10, width - LABEL)
    rows: dict[str, list[str]] = {}
    for standing in board.racks:
        rows.setdefault(standing.place.row or standing.place.hall, []).append(standing.state)
    narrow = _joined(rows, room)
    for name, states in narrow:
        for at in range(0, len(states), room):
            line = Text(f"{safe(name, LABEL - 1)} " if at == 0 else " " * LABEL, style="dim")
            for state, same in groupby(states[at : at + room]):
                line.append(LETTERS[state] * len(list(same)), STYLES.get(state, "not dim"))
            yield line


def _joined(rows: dict[str, list[str]], room: int) -> list[tuple[str, Sequence[str]]]:
    """Rows as lines; of many short rows several in one, with a blank between."""
    if len(rows) <= 24:
        return list(rows.items())
    out: list[tuple[str, list[str]]] = []
    for name, states in rows.items():
        if out and len(out[-1][1]) + len(states) <= room:
            out[-1][1].extend(states)
        else:
            out.append((name, list(states)))
    return list(out)


def _queues(board: Board) -> Iterator[Text]:
    yield Text(f"{'step':<9} {'by':<17} {'units':>6} {'working':>8} {'waiting':>8} {'oldest':>11} {'held':>5}", style="dim")  # fmt: skip
    longest = max((q.waiting for q in board.queues[1:]), default=0)
    for q in board.queues[1:]:
        oldest = "-" if q.oldest_h is None else lasted(3600 * q.oldest_h)
        units = "-" if q.units is None else str(q.units)
        line = Text(f"{q.step:<9} {safe(q.resource or '-', 17)} {units:>6} {q.working:>8} {q.waiting:>8} {oldest:>11} {q.held:>5}")  # fmt: skip
        if longest and q.waiting == longest:
            line.stylize("bold yellow")
            line.append("  < the longest queue")
        yield line
    waiting = [f"{safe(p.name)} {p.racks}" + ("" if p.stock >= 1 else " (none left)") for p in board.parts if p.racks]  # fmt: skip
    if waiting:
        yield Text(f"held racks by spare: {', '.join(waiting)}")


def _held(board: Board) -> Iterator[Text]:
    held = board.held
    if held:
        yield Text("")
    for standing in held[:HELD_MAX]:
        now = standing.now
        since = "-" if standing.since_ms is None else lasted((board.now_ms - standing.since_ms) / 1000)  # fmt: skip
        words = f"{safe(now.cause) or 'cause not told'} in {safe(now.step) or '-'}" if now else "-"
        yield Text(f"X {safe(standing.place.rack, 14)} {since:>11}  {words}", style="red")
    if len(held) > HELD_MAX:
        yield Text(f"and {len(held) - HELD_MAX} more held racks")


def _minute(at: str | None) -> str:
    return "-" if at is None else at[:16].replace("T", " ")
