"""A certificate as one page for whoever walks to the rack: what to do, pictures, each step; one file, no script."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coldplate.console.commission.comparing import compare, in_words, lines
from coldplate.console.commission.limits import MEANINGS
from coldplate.console.commission.pictures import CSS as OF_PICTURES
from coldplate.console.commission.pictures import failover_svgs, marks_svg
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.job.charts import text
from coldplate.console.job.style import CSS
from coldplate.console.stack.atomic import write_atomically

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CHIP = {"pass": "good", "fail": "critical", "not-measurable": "warning", "accepted": "good",
         "accepted in part": "warning", "held": "critical"}  # fmt: skip


def write_page(
    told: Mapping[str, Any], path: Path, before: Mapping[str, Any] | None = None
) -> None:
    """Write it whole or not at all; see `page_of`.

    Raises
    ------
    Failure
        It cannot be written.
    """
    try:
        write_atomically(path, page_of(told, before), mode=0o644)
    except OSError as error:
        raise Failure(f"--report {path}: {error.strerror or error}", BAD_INPUT) from None


def page_of(told: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> str:
    """The page of a certificate's body; with a `key`, it was signed.

    Parameters
    ----------
    before
        The body of the rack's certificate before this one, which it is set beside.
    """
    rack = text(str(told["rack"]))
    parts = [
        _header(told), _to_do(told["findings"]), _pictures(told), "" if before is None else _before(before, told),
        _steps(told["steps"]), _hands(told["hands"]), _limits(told["limits"]), _footer(told),
    ]  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Acceptance of {rack}</title>'
        f"<style>{CSS}{OF_PICTURES}</style></head>\n<body><main>\n{chr(10).join(parts)}\n</main></body></html>\n"
    )


def _chip(word: str) -> str:
    return f'<span class="chip {_CHIP.get(word, "soft")}">{text(word)}</span>'


def _header(told: Mapping[str, Any]) -> str:
    began, ended = (str(told[k])[:16].replace("T", " ") for k in ("began_at", "ended_at"))
    held = len(told["held"])
    line = f"{text(str(told['made_by']))} · {began} to {ended} UTC"
    counts = f"{len(told['gpus'])} GPUs, {len(told['nodes'])} nodes; {held or 'no'} GPUs held back"
    return (
        f'<header><div class="title"><h1>Acceptance of {text(str(told["rack"]))}</h1>{_chip(told["verdict"])}</div>'
        f"<p>{line}</p><p>{counts}</p></header>"
    )


def _to_do(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return '<section class="card wide"><h2>To do</h2><p class="none">Nothing: every step has passed.</p></section>'
    rows = [
        f"<tr><td>{text(f['subject'])}</td><td>{_chip(f['result'])}</td><td>{text(f['what'], 300)}</td><td><b>{text(f['do'], 200)}</b></td></tr>"
        for f in findings
    ]
    return _table("To do", ("where", "", "what was seen", "what to do"), rows)


def _pictures(told: Mapping[str, Any]) -> str:
    figures = {s["name"]: s["figures"] for s in told["steps"]}
    limits, off = told["limits"], frozenset(told["held"])
    cards = []
    if (of := figures.get("plates", {})).get("median_k_per_w"):
        middle = of["median_k_per_w"]
        sure = told["sure"].get("r_k_per_w")
        # In mK/W, so that an axis has room for its numbers.
        r, usual = [None if v is None else 1000 * v for v in of["r_k_per_w"]], 1000 * middle
        svg = marks_svg(
            r, told["gpus"], "Thermal resistance of every GPU", unit="mK/W", middle=usual,
            low=usual * (1 - limits["r_ratio"]), high=usual * (1 + limits["r_ratio"]), off=off, groups=len(told["nodes"]),
        )  # fmt: skip
        note = f"mK/W, median {usual:.1f}" + (f", each ± {1000 * sure:.1f}" if sure else "")
        cards.append(_card(f"R of {len(told['gpus'])} GPUs at full load", note, svg))
    if "node_flow_lpm" in (of := figures.get("flow", {})):
        design = limits["node_flow_lpm"]
        bad = frozenset(f["subject"] for f in told["findings"]) | off
        svg = marks_svg(
            of["node_flow_lpm"], told["nodes"], "Flow of every node", unit="l/min", middle=design,
            low=design * (1 - limits["flow_ratio"]), high=design * (1 + limits["flow_ratio"]), off=bad,
            groups=len(told["nodes"]), bars=True,
        )  # fmt: skip
        cards.append(_card("Flow split", f"design {design:g} l/min a node", svg))
    if "gpu_c" in (of := figures.get("failover", {})):
        flow, gpus = failover_svgs(of)
        dip, rise = of["dip_ratio"], of["median_rise_k"]
        note = "not measured" if dip is None else f"falls to {dip:.0%}, low for {of['low_s']:g} s"
        warms = "not measured" if rise is None else f"median warms by {rise:g} K"
        cards += [_card("A pump stops: flow", note, flow), _card("A pump stops: GPUs", warms, gpus)]
    return f'<div class="two">{"".join(cards)}</div>' if cards else ""


def _card(name: str, note: str, svg: str) -> str:
    return f'<section class="card"><h2>{text(name)}<small>{text(note)}</small></h2>{svg}</section>'


def _steps(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"<tr><td>{text(s['name'])}</td><td>{_chip(s['result'])}</td><td>{text(s['line'], 200)}</td><td>{text(_measured(s['figures']), 300)}</td></tr>"
        for s in steps
    ]
    return _table("Steps", ("step", "", "what it shows", "measured"), rows)


def _measured(figures: Mapping[str, Any]) -> str:
    """Its single numbers; lists are in the pictures and in the file."""
    single = {k: v for k, v in figures.items() if isinstance(v, (int, float)) and k not in ("begin_ms", "tick_s")}  # fmt: skip
    return ", ".join(f"{k} {v:g}" for k, v in single.items())


def _before(before: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """What was measured before, and is now; and what that changed."""
    compared = compare(before, told)
    rows = [
        f'<tr><td>{text(where)}</td><td>{text(name)}</td><td class="n">{_number(was)}</td><td class="n">{_number(now)}</td>'
        f'<td class="n">{_number(more, "+")}</td></tr>'
        for where, name, was, now, more in lines(compared)
    ]
    at = text(str(before["ended_at"])[:16].replace("T", " "))
    said = "".join(f"<p>{text(sentence, 300)}</p>" for sentence in in_words(compared))
    table = _table("Before and after", ("where", "what", f"{at} UTC", "now", "difference"), rows)
    return (
        f'<section class="card wide"><h2>Since the certificate before</h2>{said}</section>{table}'
    )


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4g}"


def _hands(hands: Sequence[Mapping[str, Any]]) -> str:
    if not hands:
        return ""
    rows = [
        f'<tr><td class="t">{text(str(h["at"])[:19].replace("T", " "))}</td><td>{text(h["who"])}</td><td>{text(h["what"], 200)}</td></tr>'
        for h in hands
    ]
    return _table("What hands did", ("when, UTC", "who", "what"), rows)


def _limits(limits: Mapping[str, Any]) -> str:
    rows = [
        f'<tr><td>{text(k)}</td><td class="n">{text(str(v))}</td><td>{text(MEANINGS.get(k, ""), 300)}</td></tr>'
        for k, v in limits.items()
    ]
    return _table("Limits", ("limit", "", "what it is, and from where"), rows)


def _table(name: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{c}</th>" for c in columns)
    return f'<section class="card wide"><h2>{text(name)}</h2><div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div></section>'


def _footer(told: Mapping[str, Any]) -> str:
    signed = f"Signed with the Ed25519 key {text(str(told['key']))}. " if told.get("key") else ""
    return f"<footer><p>{signed}The signed file is the certificate; this page is its picture.</p></footer>"
