"""The table of peers, as Markdown, from what `coldplate bench peers --out docs/performance` wrote.

python docs/performance_peers.py [FILE]      (default: docs/performance/peers.json)
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "performance" / "peers.json"
STAGES = {"sink": "Beside the sink", "detect": "Beside the worker"}
HEAD = (
    "| program | version | values/s | values/s of a core | of ours | core s | MB | latency p50 / p99, s | lost |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def page(result: Mapping[str, Any]) -> str:
    """Tables by stage with ours first, what each does not do, who would object, and what was not run."""
    machine = result["machine"]
    told = (
        f"{result['gpus']:,} GPUs for {result['seconds']:g} s of real time each, frames of"
        f" {result['ticks_per_frame']} ticks, the full catalogue; {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_gb']:g} GB. Core seconds are those of the program's own processes; Kafka's are not in them."
    )
    lines = [told]
    for stage, title in STAGES.items():
        ours = [row for row in result["coldplate"] if row["stage"] == stage]
        theirs = [row for row in result["peers"] if row["stage"] == stage]
        if rows := [*ours, *theirs]:
            lines += ["", f"### {title}", "", HEAD, *(_row(row, ours) for row in rows)]
            lines += ["", *_words(theirs)]
    return "\n".join(lines).rstrip() + "\n"


def _row(row: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> str:
    if row["not_run"]:
        return f"| {row['name']} | {row['version'] or ''} | not run: {_cell(row['not_run'])} | | | | | | |"
    per_core = row["values_per_core_s"]
    base = ours[0]["values_per_core_s"] if ours else None
    share = f"{per_core / base:.2f}" if per_core and base else ""
    latency = " / ".join(_number(row[f"latency_{p}_s"], 2) for p in ("p50", "p99"))
    return (
        f"| {row['name']}{_fleet(row)} | {row['version']} | {_number(row['values_per_s'])} | {_number(per_core)}"
        f" | {share} | {_sum(row['cpu_s'], 1)} | {_sum(row['rss_mb'])} | {latency} | {row['lost']} |"
    )


def _fleet(row: Mapping[str, Any]) -> str:
    """Of a peer that was given a fleet of its own."""
    if "gpus" not in row:
        return ""
    words = "the most it carried" if row["limit_reached"] else "more were not tried"
    return f" ({row['gpus']:,} GPUs, {words})"


def _words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    out: list[str] = []
    for row in rows:
        files = ", ".join(f"`{name}`" for name in row["configuration"])
        out.append(f"- **{row['name']}** does not {'; does not '.join(row['does_not'])}.")
        out.append(f"  Who would object: {row['objection']} Set up by {files}.")
        if latency := row.get("latency_of"):
            out.append(f"  Latency: {latency}.")
        if "bytes_per_value" in row:
            out.append(
                f"  A value of these {row['seconds']:.0f} s takes {row['bytes_per_value']:.2f} bytes, merged, its index in it."
            )
        if tried := row.get("tried"):
            out.append(f"  Fleets tried: {'; '.join(map(_tried, tried))}.")
    return out


def _tried(size: Mapping[str, Any]) -> str:
    took = f"{size['gpus']:,} GPUs, {size['series']:,} series, rules {size['rules_s']:g} s"
    return f"{took}: {', '.join(size['late'])}" if size["late"] else took


def _sum(by_process: Mapping[str, float], digits: int = 0) -> str:
    return _number(sum(by_process.values()), digits)


def _number(value: float | None, digits: int = 0) -> str:
    """With thousands apart; nothing where there is none."""
    return "" if value is None else f"{value:,.{digits}f}"


def _cell(text: str) -> str:
    """In one line, and no end of a cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    print(page(json.loads(file.read_text("utf-8"))), end="")
