"""A rack or a GPU as text for a terminal: plain lines, colour only for what the numbers say too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from coldplate.console.looking import Device, Looked
from coldplate.console.sparkline import blocks, sparkline
from coldplate.console.top.reasons import words
from coldplate.sinks.webhooks.telling.moment import day_and_time, length
from coldplate.sinks.webhooks.telling.plain import clean, named
from coldplate.sinks.webhooks.telling.quantity import say, word_of
from coldplate.wire.metric import CATALOGUE, Kind, Metric

HOT_K, WARM_K = 8.0, 15.0
"""Margins below which a GPU is red, and yellow."""

JOBS_MAX = 5
_WATER = (
    ("supply_c", "return_c", "flow_lpm", "supply_kpa", "return_kpa"),
    ("pump1_rpm", "pump2_rpm", "filter_kpa_delta", "valve_ratio", "reservoir_ratio"),
    ("facility_supply_c", "facility_flow_lpm", "dew_point_c", "room_c"),
)
_POWER = ("rack_power_w", "feed_a_w", "feed_b_w")


def rack_lines(seen: Looked) -> list[str]:
    """Water, power, the grid of its GPUs, the past hour, incidents, jobs, neighbours."""
    r = seen.subject
    out = [
        f"{named(r.id)} in {named(r.row) or '-'}, {named(r.hall) or '-'}, at {day_and_time(seen.at_ms)}",
        *_stale(seen.parts),
    ]
    for unit in seen.of("cdu"):
        wet = unit.values.get("leak")
        rope = (
            "not told" if wet is None else click.style("WET", fg="red", bold=True) if wet else "dry"
        )
        out += [
            "",
            f"{named(unit.id)}: leak rope {rope}",
            *(f"  {line}" for line in (_values(unit, names) for names in _WATER) if line),
        ]
    out += ["", f"power: {_values(r, _POWER) or 'not told'}"]
    gpus_w = [d.values["power_w"] for d in seen.of("gpu") if "power_w" in d.values]
    if gpus_w:
        out.append(f"  {len(gpus_w)} GPUs draw {say('rack_power_w', sum(gpus_w))}")
    out += ["", "GPUs, temperature in °C / margin in K:", *_grid(seen)]
    return [
        *out,
        *_ends(
            seen,
            "beside it",
            [
                f"{named(d.id)}: {_values(d, ('supply_c', 'return_c', 'flow_lpm')) or 'tells nothing'}"
                for d in seen.neighbours
            ],
        ),
    ]


def gpu_lines(seen: Looked) -> list[str]:
    """Every metric, its resistance against the rack's, the past hour, incidents, jobs, its node's others."""
    g = seen.subject
    serial = f", serial {clean(g.serial, 40)}" if g.serial else ""
    out = [
        f"{named(g.id)}{serial}, at {day_and_time(seen.at_ms)}",
        *_stale([g]),
        "",
        *_metrics(g),
        "",
        _resistance(seen),
    ]
    fellows = [
        f"{d.id.rpartition('/')[2]}: {_heat(d)}, {say('power_w', d.values.get('power_w'))}, "
        f"{'-' if d.k_per_w is None else f'{d.k_per_w:.4f} K/W'}"
        for d in seen.neighbours
    ]
    return [
        *out,
        *_ends(seen, "its node's others (temperature/margin, power, resistance)", fellows),
    ]


def _stale(devices: Sequence[Device]) -> list[str]:
    """Who tells nothing, and how old the oldest of the others is."""
    old = [d for d in devices if d.stale]
    silent = [d for d in old if d.age_ms is None]
    aged = [d.age_ms for d in old if d.age_ms is not None]
    out = []
    if silent:
        names = ", ".join(named(d.id) for d in silent[:3])
        out.append(
            click.style(
                f"no samples within 5 min: {names}{f' and {len(silent) - 3} more' if len(silent) > 3 else ''}",
                fg="red",
            )
        )
    if aged:
        out.append(
            click.style(f"stale: the oldest of {len(aged)} is {length(max(aged))} old", fg="yellow")
        )
    return out


def _values(d: Device, names: Iterable[str]) -> str:
    return ", ".join(f"{word_of(n)} {say(n, d.values[n])}" for n in names if n in d.values)


def _heat(d: Device) -> str:
    t, margin = d.values.get("gpu_c"), d.values.get("margin_c")
    words = f"{'-' if t is None else f'{t:.0f}'}/{'-' if margin is None else f'{margin:.0f}'}"
    colour = (
        None
        if margin is None
        else "red"
        if margin < HOT_K
        else "yellow"
        if margin < WARM_K
        else "green"
    )
    return click.style(f"{words:>7}", fg=colour)


def _grid(seen: Looked) -> list[str]:
    by_node: dict[str, list[Device]] = {}
    for d in seen.of("gpu"):
        by_node.setdefault(d.node, []).append(d)
    out = []
    for node in sorted(seen.of("node"), key=lambda d: (d.index, d.id)):
        cells = " ".join(
            _heat(d) for d in sorted(by_node.get(node.id, []), key=lambda d: (d.index, d.id))
        )
        more = _values(node, ("node_flow_lpm", "node_power_w"))
        out.append(f"  {node.id.rpartition('/')[2]:<8} {cells}  {more}".rstrip())
    return out


def _metrics(g: Device) -> list[str]:
    told: list[Metric] = [m for m in CATALOGUE[Kind.GPU] if m.name in g.values]
    cells = [f"{m.name:<30} {_said(m.name, g.values[m.name]):>14}" for m in told]
    half = (len(cells) + 1) // 2
    right = [*cells[half:], ""][:half]
    return [f"  {a}   {b}".rstrip() for a, b in zip(cells[:half], right, strict=True)] or [
        "  nothing is told of it"
    ]


def _said(metric: str, value: float) -> str:
    if metric == "clock_event_reasons":
        return ", ".join(words(int(value))) or "none"
    return say(metric, value)


def _resistance(seen: Looked) -> str:
    mine, median = seen.subject.k_per_w, seen.median_k_per_w
    if mine is None or median is None or not median:
        return "resistance: not told, it had no minute above 200 W in the past hour"
    return f"resistance {mine:.4f} K/W, its rack's median {median:.4f}: {100 * (mine / median - 1):+.0f} %"


def _ends(seen: Looked, beside: str, neighbours: Sequence[str]) -> list[str]:
    out = ["", "the past hour:", *(_course(c) for c in seen.courses), "", "incidents of a day:"]
    out += [_incident(i) for i in seen.incidents] or ["  none"]
    out += ["", f"jobs: {_jobs(seen.jobs)}", "", f"{beside}:"]
    return [*out, *(f"  {line}" for line in neighbours or ["none"])]


def _course(c: Any) -> str:
    if c.lowest is None:
        return f"  {word_of(c.metric):<20} nothing is kept of it"
    ends = f"{say(c.metric, c.lowest)} to {say(c.metric, c.highest)}, last {say(c.metric, c.last)}"
    return f"  {word_of(c.metric):<20} {sparkline(c.values, blocks())} {ends}"


def _incident(i: Mapping[str, Any]) -> str:
    colour = "red" if i["state"] == "open" and i["severity"] == "critical" else None
    begins = f"{i['opened_at']:%m-%d %H:%M:%S}"
    return click.style(
        f"  {i['id']} {i['state']:<6} {i['severity']:<8} {begins} {clean(i['cause'], 160)}",
        fg=colour,
    )


def _jobs(jobs: Sequence[Mapping[str, Any]]) -> str:
    told = [
        f"{clean(j['job'], 60)} ({clean(j['user'], 40) or 'user not known'}, {j['gpus']} {'GPU' if j['gpus'] == 1 else 'GPUs'} here)"
        for j in jobs[:JOBS_MAX]
    ]
    more = [f"{len(jobs) - JOBS_MAX} more"] if len(jobs) > JOBS_MAX else []
    return ", ".join([*told, *more]) or "none"
