"""The parts of a job's page that are words and numbers. Whatever comes from others goes through `text`."""

from coldplate.console.job.around import Incident
from coldplate.console.job.charts import bar, text
from coldplate.console.job.lines import BELOW, CAUSES, FIGURES, error, swing
from coldplate.console.job.report import Report
from coldplate.console.job.told import compared, ratio
from coldplate.sinks.webhooks.telling.moment import length
from coldplate.sinks.webhooks.telling.plain import named
from coldplate.sinks.webhooks.telling.quantity import say

ROWS_MAX = 20
WORRY = 0.05
"""Share of GPU-time held down by heat or brake from which on it is red."""


def tiles(r: Report) -> str:
    """The six figures that one looks at first."""
    m = r.measured
    util = None if m is None else m.mean("gpu_util_ratio")
    hottest = None if m is None else m.highest("hottest_c")
    margin = None if m is None else m.lowest("margin_least_c")
    found = [
        ("GPU-hours", f"{r.gpu_h:,.1f}", f"{len(r.job.gpus):,} GPUs"),
("Energy", energy_said(r), f"by {r.energy.source}" if r.energy.source else "not known"),
        ("Power of a GPU", say("power_w", r.power_w), "" if r.j_per_gpu_h is None else f"{r.j_per_gpu_h / 1e6:.2f} MJ a GPU-hour"),
        ("GPU busy", say("gpu_util_ratio", util), "" if m is None else f"clock {say('sm_clock_mhz', m.mean('sm_clock_mhz'))}"),
        ("Hottest GPU", say("gpu_c", hottest), "" if margin is None else f"least margin {say('margin_c', margin)}"),
        ("Held down", "-" if r.held is None else f"{100 * r.held.ratio:.1f} %", "of GPU-time" if r.held else "not known"),
    ]  # fmt: skip
    cells = (
        f'<div class="card tile"><span>{text(word)}</span><b>{text(value)}</b><em>{text(more)}</em></div>'
        for word, value, more in found
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def energy_said(r: Report) -> str:
    """In kilowatt hours, of a large job in megawatt hours."""
    if r.kwh is None:
        return "-"
    if r.kwh >= 10_000:
        return f"{r.kwh / 1000:,.2f} MWh"
    return f"{r.kwh:,.1f} kWh" if r.kwh >= 10 else f"{r.kwh:,.3f} kWh"


def held(r: Report) -> str:
    """By cause, and whom heat held."""
    if r.held is None:
        return _card("Held down", '<p class="none">No reasons of the driver are kept.</p>')
    if not r.held.by_cause:
        return _card("Held down", '<p class="none">Not for a moment.</p>')
    rows = [
        f'<tr><td class="t">{text(CAUSES.get(c, c))}</td><td style="width:55%">{bar(s, "" if c == "power-cap" else "bad" if s > WORRY else "warm")}</td>'
        f'<td class="n">{100 * s:.2f} %</td></tr>'
        for c, s in r.held.by_cause.items()
    ]
    table = f"<table>{''.join(rows)}</table>"
    hot = list(r.held.by_heat.items())
    if hot:
        said = ", ".join(f"{named(g)} ({100 * s:.1f} %)" for g, s in hot[:5])
        table += f'<p class="none">Heat held {len(hot):,} GPUs, the longest: {text(said, 400)}.</p>'
    source = (
        "every tick"
        if r.held.source == "gpu_samples"
        else f"the last tick of each bucket of {r.held.source}"
    )
    return _card("Held down", table, f"share of GPU-time, by {source}")


def earlier(r: Report) -> str:
    """Beside the user's jobs before."""
    rows = compared(r)
    if r.earlier is None or not rows:
        why = (
            "Nobody told who ran it." if not r.job.users else "No earlier job of the user is known."
        )
        return _card("Beside earlier jobs", f'<p class="none">{why}</p>')
    lines = []
    for name, mine, other in rows:
        word, said = FIGURES[name]
        times = ratio(mine, other)
        lines.append(
            f'<tr><td>{word}</td><td class="n">{"-" if mine is None else text(said(mine))}</td>'
            f'<td class="n">{"-" if other is None else text(said(other))}</td><td class="n">{"-" if times is None else f"{times:.2f} &times;"}</td></tr>'
        )
    number = len(r.earlier.jobs)
    head = '<tr><th></th><th class="n">this job</th><th class="n">median before</th><th class="n">ratio</th></tr>'
    return _card(
        "Beside earlier jobs", f"<table>{head}{''.join(lines)}</table>",
        f"{number} of the same user before it" if number > 1 else "the user's one before it",
    )  # fmt: skip


def incidents(r: Report) -> str:
    """What touched it, the gravest first, and errors of its GPUs."""
    if not r.incidents and not r.events:
        return _card("Incidents that touched it", '<p class="none">None.</p>')
    lines = [
        f'<tr><td><span class="chip {i.severity if i.severity in ("critical", "warning", "ticket", "info") else ""}">{text(i.severity)}</span></td>'
        f'<td class="t">{i.opened_at:%m-%d %H:%M:%S}</td><td class="t">{_lasted(i)}</td><td>{text(i.cause, 300)}</td>'
        f'<td>{text(", ".join(i.names), 160)}{f" and {i.touched - len(i.names)} more" if i.touched > len(i.names) else ""}</td><td class="t soft">{text(i.id, 24)}</td></tr>'
        for i in r.incidents[:ROWS_MAX]
    ]
    table = ""
    if lines:
        head = "<tr><th>severity</th><th>opened, UTC</th><th>lasted</th><th>cause</th><th>of this job</th><th>id</th></tr>"
        table = f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>'
    if len(r.incidents) > ROWS_MAX:
        table += f'<p class="none">{len(r.incidents) - ROWS_MAX} more.</p>'
    if errors := [h for h in r.events if h.kind == "xid"]:
        said = "; ".join(error(h) for h in errors[:ROWS_MAX])
        table += f'<p class="none">Errors of its GPUs: {text(said, 2000)}.</p>'
    return _card("Incidents that touched it", table, str(len(r.incidents)))


def _lasted(i: Incident) -> str:
    if i.closed_at is None:
        return "open"
    return length(round((i.closed_at - i.opened_at).total_seconds() * 1000))


def stragglers(r: Report) -> str:
    """Who is below the others, and by how much."""
    if r.measured is None:
        return _card("Stragglers", '<p class="none">Nothing is kept to compare.</p>')
    if not r.stragglers:
        return _card(
            "Stragglers",
            '<p class="none">None: no GPU was below the others while they were busy.</p>',
        )
    lines = []
    for s in r.stragglers[:ROWS_MAX]:
        cells = "".join(
            f'<td class="n">{f"&minus;{100 * s.below[m]:.1f} %" if m in s.below else ""}</td>'
            for m in BELOW
        )
        lines.append(
            f'<tr><td>{text(s.gpu)}</td>{cells}<td style="width:25%">{bar(s.most, "warm")}</td></tr>'
        )
    head = (
        f"<tr><th>GPU</th>{''.join(f'<th class=n>{w}</th>' for w in BELOW.values())}<th></th></tr>"
    )
    more = (
        f'<p class="none">{len(r.stragglers) - ROWS_MAX} more.</p>'
        if len(r.stragglers) > ROWS_MAX
        else ""
    )
    return _card(
        "Stragglers", f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>{more}',
        "below the job's median GPU while that one is busy",
    )  # fmt: skip


def figures(r: Report) -> str:
    """Everything else that was measured."""
    m = r.measured
    if m is None:
        return _card("In numbers", '<p class="none">Nothing is kept.</p>')
    pairs = [
        ("GPU temperature, mean", say("gpu_c", m.mean("gpu_c"))),
        ("hottest GPU", named(m.hottest() or "-")),
        ("HBM, hottest", say("hbm_c", m.highest("hbm_hottest_c"))),
        ("power, lowest to highest second", f"{say('power_w', m.lowest('power_low_w'))} to {say('power_w', m.highest('power_high_w'))}"),
        ("highest instant power", say("power_w", m.highest("peak_w"))),
        ("memory in use, mean", say("mem_used_bytes", m.mean("mem_used_bytes"))),
        ("memory in use, most", say("mem_used_bytes", m.highest("mem_most_bytes"))),
        ("power swing of the median GPU", swing(r)),
        ("widest swing of a GPU", say("swing_w", m.highest("swing_most_w"))),
        ("all GPUs in step would swing by", say("power_w", r.in_step_w)),
        ("nodes", f"{len(r.job.nodes):,}"),
        ("racks", ", ".join(named(n) for n in r.job.racks[:6]) + (f" and {len(r.job.racks) - 6} more" if len(r.job.racks) > 6 else "") or "-"),
    ]  # fmt: skip
    items = "".join(f"<div><dt>{text(a)}</dt><dd>{text(b, 400)}</dd></div>" for a, b in pairs)
    return _card("In numbers", f"<dl>{items}</dl>")


def _card(title: str, body: str, small: str = "") -> str:
    more = f"<small>{text(small)}</small>" if small else ""
    return f'<section class="card"><h2>{text(title)}{more}</h2>{body}</section>'
