"""The evaluation's page: scenarios over seeds that nothing was tuned on, tables by kind, pictures, and what is weak."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from coldplate.console.evaluating.kept import Kept, Work, finished
from coldplate.console.evaluating.pictures import MISSED, draw_causes, draw_family
from coldplate.console.evaluating.shown import BESIDE, COLUMNS, false_pages
from coldplate.console.evaluating.timeline import kept_timeline, kinds
from coldplate.console.evaluating.twin import evaluate_twin
from coldplate.streams.detectors import parameters_sha
from coldplate.streams.evaluate.match import Found
from coldplate.streams.evaluate.report import Run, report
from coldplate.twin.scenario import load
from coldplate.wire.fault import SLOW, family_of, should_page

BEGIN, END = "<!-- results: `make evaluate` writes what follows -->", "<!-- results end -->"
PICTURES = "evaluation"
"""Folder beside the page."""

WEAK_BELOW, WEAK_PAGES, WEAK_DELAY_S = 0.95, 1.2, 60.0
"""Ratios, pages per fault and delay from which on a kind is named as weak; of slow wear the delay is not."""

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class _Hall:
    """A scenario to be run with a seed, the rules of today beside; it goes to other processes."""

    scenario: str

    def __call__(self, seed: int, seconds: float) -> tuple[Run, Run | None]:
        run, live = evaluate_twin(replace(load(self.scenario), seed=seed), seconds, rules=True)
        return run, live.baseline


def works(scenarios: Sequence[str], seeds: Sequence[int]) -> list[Work]:
    """Each scenario with each seed, over its own length."""
    out = []
    for name in scenarios:
        scenario = load(name)
        mark = "-" + sha256(msgspec.json.encode(scenario)).hexdigest()[:6]
        length_s, hall = scenario.duration_s, _Hall(name)
        out += [Work(Path(name).stem, seed, length_s, hall, mark) for seed in seeds]
    return out


def write(
    page: Path, keep: Path, runs: Sequence[Work], processes: int, command: str, tell: Tell,
    families: Collection[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Run what is not kept, draw, and put the results into the page.

    Parameters
    ----------
    page
        A Markdown file; between its two marks everything is written anew.
    keep
        Folder of finished runs.
    runs, processes
        What is run, and how much of it at the same time.
    command
        What made the page, for the page.
    tell
        Told what is done and which share.
    families
        Those that are drawn; all if empty.

    Raises
    ------
    ValueError
        When the page has no marks.
    """
    text = page.read_text("utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{page}: no lines {BEGIN!r} and {END!r}; results stand between them")
    kept: list[Kept] = []
    for one in finished(keep, runs, processes):
        kept.append(one)
        tell(f"{len(kept)} of {len(runs)} halls judged", len(kept) / len(runs))
    pictures = page.parent / PICTURES
    pictures.mkdir(exist_ok=True)
    drawn = {f: names for f, names in kinds().items() if f in (families or kinds())}
    _draw(pictures, keep, kept, drawn, tell)
    ours = report([k.run for k in kept])
    rules = report([k.rules for k in kept if k.rules is not None])
    head, _, rest = text.partition(BEGIN)
    results = "\n\n".join(_sections(kept, ours, rules, drawn, command))
    page.write_text(f"{head}{BEGIN}\n\n{results}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    return ours


def _draw(
    pictures: Path, keep: Path, kept: Sequence[Kept], families: Mapping[str, Sequence[str]], tell: Tell
) -> None:  # fmt: skip
    draw_causes(causes(kept), pictures / "causes.png")
    for n, (family, names) in enumerate(families.items()):
        tell(f"drawing {family}", n / len(families))
        draw_family(family, [kept_timeline(keep, k) for k in names], pictures / f"{family}.png")


def causes(kept: Sequence[Kept]) -> Counter[tuple[str, str]]:
    """How many faults by labelled and told family; those that call for a page."""
    return Counter(
        (family_of(f.label.kind), family_of(f.said.kind) if f.said else MISSED) for f in _due(kept)
    )


def _due(kept: Sequence[Kept]) -> list[Found]:
    return [
        f
        for k in kept
        for f in k.run.matching.found
        if should_page(f.label.kind) and (f.said is not None or f.label.visible_ms is not None)
    ]


def _sections(
    kept: Sequence[Kept],
    ours: dict[str, Any],
    rules: dict[str, Any],
    families: Iterable[str],
    command: str,
) -> list[str]:
    halls = sorted({(k.name, k.seed, k.seconds) for k in kept})
    revisions = sorted({str(k.revision)[:12] for k in kept})
    return [
        "## Results on the twin",
        f"Made by `{command}`: "
        + ", ".join(f"{name} (seed {seed}, {s / 3600:g} h)" for name, seed, s in halls)
        + f"; revision {', '.join(revisions)}, parameters {parameters_sha()},"
        f" {sum(k.cpu_s for k in kept) / 3600:.1f} CPU hours.",
        f"{false_pages(ours)}. Rules of today on the same halls: {false_pages(rules)}.",
        (
            f"Look-alikes: {ours['look_alikes']}, of which {ours['look_alikes_paged']} paged."
            f" Not counted: {ours['quiet']} that call for no page, {ours['never_visible']} below the sensors' noise."
        ),
        _table(ours, rules),
        "### What is weak",
        "\n".join(f"- {line}" for line in weak(ours)) or "Nothing by the marks below.",
        (
            f"Named is a kind with recall, causes or warnings below {WEAK_BELOW:g}, more than {WEAK_PAGES:g} pages a fault,"
            f" or, but for slow wear, more than {WEAK_DELAY_S:g} s to nine in ten."
        ),
        "### Causes",
        f"![labelled and told families]({PICTURES}/causes.png)",
        _confused(kept),
        "### How each is found",
        (
            "One fault of each kind in a hall of three racks (severity 0.7): the reading and the score of the detector"
            " that told of it."
        ),
        *(f"![{family}]({PICTURES}/{family}.png)" for family in families),
    ]


def _table(ours: dict[str, Any], rules: dict[str, Any]) -> str:
    header = ["kind", *COLUMNS, *(f"rules: {c}" for c in BESIDE)]
    lines = [(kind, of, rules["kinds"].get(kind, {})) for kind, of in ours["kinds"].items()]
    lines.append(("**all**", ours, rules))
    rows = [
        [kind, *(_told(of[c]) for c in COLUMNS), *(_told(beside.get(c)) for c in BESIDE)]
        for kind, of, beside in lines
    ]
    return "\n".join(f"| {' | '.join(r)} |" for r in (header, ["---"] * len(header), *rows))


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def weak(figures: dict[str, Any]) -> list[str]:
    """A line for each kind that falls short, with what does."""
    out = []
    for kind, of in figures["kinds"].items():
        short = [
            f"{name} {of[name]:g}"
            for name in ("recall", "cause_correct_ratio", "before_harm_ratio")
            if of[name] is not None and of[name] < WEAK_BELOW
        ]
        if of["pages_per_fault"] is not None and of["pages_per_fault"] > WEAK_PAGES:
            short.append(f"pages_per_fault {of['pages_per_fault']:g}")
        if kind not in SLOW and (of["delay_p90_s"] or 0.0) > WEAK_DELAY_S:
            short.append(f"delay_p90_s {of['delay_p90_s']:g}")
        if short:
            out.append(f"`{kind}` (of {of['n']}): {', '.join(short)}")
    return out


def _confused(kept: Sequence[Kept]) -> str:
    """Which kinds were told wrongly, most often first."""
    wrong = Counter(
        (f.label.kind, f.said.kind, "" if f.said.subject == f.label.cause else ", another device")
        for f in _due(kept)
        if f.said is not None and not f.cause_correct
    )
    lines = [f"- `{a}` told as `{b}`{where}: {n}" for (a, b, where), n in wrong.most_common()]
    return "\n".join(lines) or "Every cause that was told is right."
