"""What there is to say of every detector, in one place: the command, the file with all defaults and the page print it."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from coldplate.streams.basis import BASES, BUDGET, Basis
from coldplate.streams.detector import Detector
from coldplate.streams.detectors import defaults
from coldplate.streams.schema import Parameter, cost, parameters_of, summary

WIDTH = 100

HEADER = """\
# Parameters of the detectors, with their defaults. Keep the lines that you change: what is not given stays as the code
# has it, also when a later version has a better value. Checked by `coldplate detectors check FILE`; the worker takes it
# by `worker.parameters` in its configuration.
#
# For some devices only, at the end of the file (one of hall, row, sku, rack, gpu, device; of several that hold, the
# strongest that names the detector decides, a device's before its rack's, then its model's, its row's, its hall's):
#
# [[override]]
# rack = "rack-0003"
# [override.thermal-path]
# limit_k = 2.0
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector.

    Parameters
    ----------
    measures, cost
        In its docstring's words.
    """

    name: str
    kind: str
    fault: str
    metric: str
    severity: str
    measures: str
    basis: Basis
    cost: str
    parameters: Mapping[str, Parameter]

    @property
    def budget(self) -> str:
        """What it may use of the false-alarm budget, for a person."""
        if self.basis.word != BUDGET:
            return ""
        return f"{self.basis.pages:g}" if self.basis.pages else "ticket"


def entries(detectors: Sequence[Detector] | None = None) -> list[Entry]:
    """All of them, in the order in which they are asked."""
    return [
        Entry(
            d.name, d.kind.word, d.fault, d.metric, d.severity.value, summary(d), BASES[d.name],
            cost(d), parameters_of(d),
        )
        for d in (defaults() if detectors is None else detectors)
    ]  # fmt: skip


def as_toml(listed: Sequence[Entry]) -> str:
    """A complete file of parameters, each with its meaning and what is allowed."""
    out = [HEADER.rstrip()]
    for entry in listed:
        out += ["", *_comment(f"{entry.fault} of a {entry.kind}, by {entry.metric}: {entry.measures}")]  # fmt: skip
        out.append(f"[{entry.name}]")
        for p in entry.parameters.values():
            out += [*_comment(f"{p.meaning.rstrip('.')} ({p.allowed})"), f"{p.name} = {p.default!r}"]  # fmt: skip
    return "\n".join(out) + "\n"


def _comment(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
