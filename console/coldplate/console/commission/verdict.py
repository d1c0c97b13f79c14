"""Of all that was found to what is wrong and who is held: one cause of what several steps saw, and a verdict.

A node with half its flow is warm, its GPUs throttle and drift; that is one coupling to reseat, not eight pastes. What a
cause explains stands in causes.py. What is not measurable holds its device too, unless a fault on the same device, or one
above it, is known already.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from coldplate.console.commission.causes import CAUSES
from coldplate.console.commission.evidence import Rack
from coldplate.console.commission.procedure import Finding, Outcome, Result

Word = Literal["accepted", "accepted in part", "held"]

PART_MIN = 0.5
"""With fewer of its GPUs free a rack is held as a whole."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a rack.

    Parameters
    ----------
    word
        `accepted`, `accepted in part`, `held`.
    findings
        What is to be done, the widest first; without what another one explains.
    held
        GPUs that are held back.
    """

    word: Word
    findings: tuple[Finding, ...]
    held: frozenset[str]

    def told(self, rack: Rack) -> str:
        """In words: which nodes and GPUs are held back."""
        if not self.held:
            return self.word
        whole = [n for n in rack.nodes if rack.gpus_under(n) <= self.held]
        rest = sorted(self.held - {g for n in whole for g in rack.gpus_under(n)})
        names = [i.removeprefix(f"{rack.id}/") for i in (*whole, *rest)]
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return (
            self.word
            if self.word == "held"
            else f"{self.word} ({', '.join(names[:6])}{more} held back)"
        )


def verdict(rack: Rack, outcomes: Iterable[Outcome]) -> Verdict:
    """Of the outcomes of all steps."""
    findings = explained(rack, [f for o in outcomes for f in o.findings])
    held = frozenset().union(*(rack.gpus_under(f.subject) for f in findings))
    free = len(rack.gpus) - len(held)
    word: Word = (
        "accepted"
        if not held
        else "accepted in part"
        if free >= PART_MIN * len(rack.gpus)
        else "held"
    )
    return Verdict(word, findings, held)


def explained(rack: Rack, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Without repeats and without what another finding explains, the widest first."""
    once: dict[tuple[str, str], Finding] = {}
    for f in findings:
        once.setdefault((f.cause, f.subject), f)
    left = [f for f in once.values() if not any(_explains(rack, g, f) for g in once.values())]
    return tuple(
        sorted(
            _together(rack, left),
            key=lambda f: (f.result is not Result.FAIL, -len(rack.gpus_under(f.subject))),
        )
    )


def _together(rack: Rack, findings: Sequence[Finding]) -> list[Finding]:
    """What all GPUs, or all nodes, have in common as one finding of the rack."""
    out = list(findings)
    for cause, result in dict.fromkeys((f.cause, f.result) for f in findings):
        same = {f.subject: f for f in findings if (f.cause, f.result) == (cause, result)}
        for word, ids in (("GPUs", rack.gpus), ("nodes", rack.nodes)):
            if not set(ids) <= set(same):
                continue
            first = same[ids[0]]
            of_rack = replace(
                first, subject=rack.id, what=f"on all {len(ids)} {word}: {first.what}",
                do=first.do.replace(first.subject, f"the {word} of {rack.id}"),
            )  # fmt: skip
            out = [
                of_rack,
                *(f for f in out if f.subject not in ids or same.get(f.subject) is not f),
            ]
    return out


def _explains(rack: Rack, by: Finding, f: Finding) -> bool:
    if by is f or by.result is not Result.FAIL or not _above(rack, by.subject, f.subject):
        return False
    if f.result is Result.NOT_MEASURABLE:
        # A device that is known to be faulty is held for that; what it could not show is told in its step.
        return True
    cause = CAUSES[by.cause]
    return f.cause in cause.explains or (f.cause in cause.replaces and f.subject == by.subject)


def _above(rack: Rack, top: str, subject: str) -> bool:
    return top in (subject, rack.id, rack.cdu) or subject.startswith(f"{top}/")
