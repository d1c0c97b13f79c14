"""How often ClickHouse writes a row again in merges, and how many parts there are, by a simulation of what it chooses to merge.

    python bench/merges.py [--parts 400 --kilobytes 400 --apart 1.5] [--base 60] [--at-least 0]

Parts of one size come at equal times into one partition; the `Simple` selector's formula (MergeTree's SimpleMergeSelector.cpp
as of 2025, with the settings' defaults) is asked after each. Without options it prints the table of
docs/adr/0014-parts-of-alike-size.md; the last line is one JSON object.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass

FIXED_BYTES, WIDEST, NARROWEST_BASE = 5e6, 100, 2.0
FEW_PARTS, MANY_PARTS = 10, 50
YOUNG_S, OLD_S, OLDEST_S = 10.0, 3600.0, 30 * 86_400.0
SMALL_BYTES, LARGE_BYTES = 1e6, 100e9
INFLOWS = ((400, 400.0, 1.5), (2000, 400.0, 1.5), (2000, 40.0, 1.5), (3000, 5.0, 0.25))
CHOICES = ((5.0, 0), (5.0, 16), (5.0, 48), (20.0, 16), (60.0, 0))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one inflow under one choice: times a row is written in merges, merges, and the most parts at a time."""

    parts: int
    kilobytes: float
    base: float
    at_least: int
    written_again: float
    merges: int
    parts_max: int


def simulate(count: int, kilobytes: float, apart_s: float, base: float, at_least: int) -> Outcome:
    """Insert parts one by one, and merge whenever a range is allowed."""
    parts: list[tuple[float, float]] = []
    written, merges, most = 0.0, 0, 0
    for number in range(count):
        now_s = number * apart_s
        parts.append((kilobytes * 1e3, now_s))
        most = max(most, len(parts))
        found = _best(parts, now_s, base, max(2, at_least))
        if found is not None:
            begin, end = found
            size = sum(s for s, _ in parts[begin:end])
            parts[begin:end] = [(size, now_s)]
            written, merges = written + size, merges + 1
    again = round(written / (count * kilobytes * 1e3), 2)
    return Outcome(count, kilobytes, base, at_least, again, merges, most)


def _best(
    parts: list[tuple[float, float]], now_s: float, base: float, at_least: int
) -> tuple[int, int] | None:
    best: tuple[float, int, int] | None = None
    by_number = _share(len(parts), FEW_PARTS, MANY_PARTS)
    for begin in range(len(parts)):
        size = largest = 0.0
        for end in range(begin + 1, min(len(parts), begin + WIDEST) + 1):
            size, largest = size + parts[end - 1][0], max(largest, parts[end - 1][0])
            if end - begin < at_least:
                continue
            by_size = _share(math.log1p(size), math.log1p(SMALL_BYTES), math.log1p(LARGE_BYTES))
            by_age = _share(
                now_s - parts[end - 1][1], YOUNG_S, OLD_S + (OLDEST_S - OLD_S) * by_size
            )
            asked = base + (NARROWEST_BASE - base) * min(1.0, by_age + by_number)
            counted = size + FIXED_BYTES * (end - begin)
            if counted / (largest + FIXED_BYTES) < asked:
                continue
            score = counted / (end - begin - 1.9)
            if best is None or score < best[0]:
                best = (score, begin, end)
    return None if best is None else best[1:]


def _share(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def main() -> None:
    """Print outcomes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, help="inserted")
    parser.add_argument("--kilobytes", type=float, default=400.0, help="of a part")
    parser.add_argument("--apart", type=float, default=1.5, help="seconds between two")
    parser.add_argument("--base", type=float, help="merge_selector_base")
    parser.add_argument("--at-least", type=int, default=0, help="min_parts_to_merge_at_once")
    given = parser.parse_args()
    inflows = INFLOWS if given.parts is None else ((given.parts, given.kilobytes, given.apart),)
    choices = CHOICES if given.base is None else ((given.base, given.at_least),)
    out = [simulate(*inflow, *choice) for inflow in inflows for choice in choices]
    for o in out:
        print(
            f"{o.parts:6} parts of {o.kilobytes:g} kB, base {o.base:g}, at least {o.at_least:2}: "
            f"written {o.written_again} times, {o.merges} merges, {o.parts_max} parts at most"
        )
    print(json.dumps({"outcomes": [asdict(o) for o in out]}))


if __name__ == "__main__":
    main()
