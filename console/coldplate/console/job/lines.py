"""A job's report for a terminal: plain lines, the numbers first."""

from collections.abc import Callable

from coldplate.console.job.around import Happened, Incident
from coldplate.console.job.report import Report
from coldplate.console.job.told import compared, ratio
from coldplate.console.sparkline import blocks, sparkline
from coldplate.sinks.webhooks.telling.moment import day_and_time, length
from coldplate.sinks.webhooks.telling.plain import clean, named
from coldplate.sinks.webhooks.telling.quantity import say

SHOWN, INCIDENTS_SHOWN = 5, 8

CAUSES = {
    "power-cap": "power cap", "hw-slowdown": "hardware slowdown", "sw-thermal": "heat (software)",
    "hw-thermal": "heat (hardware)", "power-brake": "power brake", "board-limit": "board limit",
    "reliability": "reliability voltage",
}  # fmt: skip
FIGURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "gpus": ("GPUs", lambda v: f"{v:,.0f}"),
    "wall_s": ("wall time", lambda v: length(round(v * 1000))),
    "gpu_h": ("GPU-hours", lambda v: f"{v:,.1f}"),
    "power_w": ("power of a GPU", lambda v: say("power_w", v)),
    "gpu_util_ratio": ("GPU busy", lambda v: say("gpu_util_ratio", v)),
    "hottest_c": ("hottest GPU", lambda v: say("gpu_c", v)),
}
BELOW = {"gpu_util_ratio": "busy", "power_w": "power", "sm_clock_mhz": "clock"}


def job_lines(r: Report) -> list[str]:
    """All of it, nothing that is not known."""
    return [
        *_head(r), *(f"  {line}" for line in r.missing()), "", *_energy(r), *_heat(r), *_courses(r),
        "", *_held(r), *_stragglers(r), *_around(r), "", *_earlier(r),
    ]  # fmt: skip


def when(r: Report) -> str:
    """From when to when."""
    job = r.job
    end = f"runs at {day_and_time(r.at_ms)}" if job.running else f"to {day_and_time(job.end_ms)}"
    return f"{day_and_time(job.begin_ms)} {end}, {length(job.end_ms - job.begin_ms)}"


def who(r: Report) -> str:
    """Of the job."""
    users = ", ".join(clean(u, 60) for u in r.job.users[:3])
    return f"user {users}" if users else "user not known"


def counted(number: int, word: str) -> str:
    """One GPU, two GPUs."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def size(r: Report) -> str:
    """How large it was."""
    job = r.job
    return (
        f"{counted(len(job.gpus), 'GPU')}, {counted(len(job.nodes), 'node')}, {counted(len(job.racks), 'rack')}: "
        f"{r.gpu_h:,.2f} GPU-hours"
    )


def _head(r: Report) -> list[str]:
    runs = r.job.runs()
    out = [f"job {clean(r.job.name, 80)}, {who(r)}", f"  {when(r)}", f"  {size(r)}"]
    if len(runs) > 1:
        ran = sum(b - a for a, b in runs)
        out.append(
            f"  {len(runs)} runs, {length(ran)} in all: it was started anew, or its id was used again"
        )
    if r.sharing.jobs:
        others = ", ".join(clean(j, 40) for j in r.sharing.jobs[:SHOWN])
        out.append(
            f"  shared {counted(len(r.sharing.shares), 'GPU')} with {others}; their energy is divided by time"
        )
    return out


def _energy(r: Report) -> list[str]:
    if r.kwh is None or r.energy.used_j is None or r.j_per_gpu_h is None:
        return ["energy: not known"]
    power = say("power_w", r.power_w)
    said = (
        f"energy: {r.kwh:,.3f} kWh ({r.energy.used_j:,.0f} J) by {r.energy.source}; "
        f"{power} a GPU, {r.j_per_gpu_h / 1e6:.3f} MJ a GPU-hour"
    )
    return [said]


def _heat(r: Report) -> list[str]:
    m = r.measured
    if m is None:
        return []
    hottest = m.hottest()
    where = f" ({named(hottest)})" if hottest else ""
    busy = (
        f"busy: {say('gpu_util_ratio', m.mean('gpu_util_ratio'))}, clock {say('sm_clock_mhz', m.mean('sm_clock_mhz'))}, "
        f"memory in use at most {say('mem_used_bytes', m.highest('mem_most_bytes'))}"
    )
    heat = (
        f"heat: GPUs {say('gpu_c', m.mean('gpu_c'))} mean, {say('gpu_c', m.highest('hottest_c'))} hottest{where}, "
        f"HBM {say('hbm_c', m.highest('hbm_hottest_c'))} hottest, least margin {say('margin_c', m.lowest('margin_least_c'))}"
    )
    out = [busy, heat]
    if r.in_step_w is not None:
        out.append(
            f"swings: {swing(r)} in the median GPU, {say('swing_w', m.highest('swing_most_w'))} at most; "
            f"in step all GPUs would swing by {say('power_w', r.in_step_w)}"
        )
    if m.gpus < m.of:
        out.append(f"  of {m.gpus:,} of its {m.of:,} GPUs, evenly chosen")
    return out


def swing(r: Report) -> str:
    """Of the median GPU's power: how far and how fast."""
    m = r.measured
    swing_hz = None if m is None else m.median("swing_hz")
    far = say("swing_w", None if m is None else m.median("swing_w"))
    return (
        f"{far} without a frequency"
        if swing_hz is None
        else f"{far} at {say('swing_hz', swing_hz)}"
    )


def _courses(r: Report) -> list[str]:
    if r.bands is None:
        return []
    out = [""]
    for metric, word in (
        ("power_w", "power"),
        ("gpu_c", "temperature"),
        ("gpu_util_ratio", "busy"),
    ):
        points = {n: p.p50 for n, p in zip(r.bands.numbers, r.bands.points[metric], strict=True)}
        values = [points.get(n) for n in range(r.bands.numbers[-1] + 1)]
        some = values[:: -(-len(values) // 60)]
        out.append(
            f"  {word:<12} {sparkline(some, blocks())} median GPU {say(metric, r.bands.median(metric))}"
        )
    return out


def _held(r: Report) -> list[str]:
    if r.held is None:
        return ["held down: not known"]
    causes = ", ".join(
        f"{CAUSES.get(c, c)} {100 * share:.2f} %" for c, share in r.held.by_cause.items()
    )
    out = [f"held down: {100 * r.held.ratio:.2f} % of GPU-time{f' ({causes})' if causes else ''}"]
    for gpu, share in list(r.held.by_heat.items())[:SHOWN]:
        out.append(f"  {named(gpu)}: by heat {100 * share:.1f} % of its time")
    return out


def _stragglers(r: Report) -> list[str]:
    if r.measured is None:
        return ["stragglers: not known"]
    if not r.stragglers:
        return ["stragglers: none"]
    out = [f"stragglers: {len(r.stragglers)}, below the job's median GPU while that one is busy"]
    for s in r.stragglers[:SHOWN]:
        said = ", ".join(f"{BELOW[m]} -{100 * b:.1f} %" for m, b in s.below.items())
        out.append(f"  {named(s.gpu)}: {said}")
    if len(r.stragglers) > SHOWN:
        out.append(f"  {len(r.stragglers) - SHOWN} more")
    return out


def _around(r: Report) -> list[str]:
    out = [f"GPUs lost: {', '.join(named(g) for g in r.lost[:SHOWN]) or 'none'}"]
    errors = [h for h in r.events if h.kind == "xid"]
    if errors:
        out.append(f"errors: {', '.join(error(h) for h in errors[:SHOWN])}")
    out.append("incidents that touched it:" if r.incidents else "incidents that touched it: none")
    out += [f"  {incident(i)}" for i in r.incidents[:INCIDENTS_SHOWN]]
    if len(r.incidents) > INCIDENTS_SHOWN:
        out.append(f"  {len(r.incidents) - INCIDENTS_SHOWN} more")
    return out


def error(h: Happened) -> str:
    """An XID with its GPU."""
    times = f", {h.times} times" if h.times > 1 else ""
    return f"XID {h.code} on {named(h.gpu)} at {h.t:%m-%d %H:%M:%S}{times}"


def incident(i: Incident) -> str:
    """One line."""
    return f"{clean(i.id, 20)} {i.severity:<8} {i.opened_at:%m-%d %H:%M:%S} {clean(i.cause, 160)}"


def _earlier(r: Report) -> list[str]:
    rows = compared(r)
    if not rows or r.earlier is None:
        return ["earlier jobs of the user: none known"] if r.job.users else []
    out = [f"beside the median of the user's jobs before ({len(r.earlier.jobs)}):"]
    for name, mine, other in rows:
        word, said = FIGURES[name]
        times = ratio(mine, other)
        out.append(
            f"  {word:<15} {'-' if mine is None else said(mine):>14} {'-' if other is None else said(other):>14}"
            f" {'' if times is None else f'{times:7.2f} times'}".rstrip()
        )
    return out
