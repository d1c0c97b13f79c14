"""Prometheus' text format 0.0.4, and OpenMetrics 1.0 for who asks for it.

References
----------
https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]


@dataclass(slots=True)
class Family:
    """Samples of one name.

    Parameters
    ----------
    name
        As the samples are called, with `_total` where it is a counter of ours.
    kind
        `info` is a gauge that is 1 and has labels to tell something.
    help
        One line.
    samples
        What stands behind the name, labels and value; one that is NaN is left out.
    """

    name: str
    kind: Literal["counter", "gauge", "info", "histogram"]
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, labels: Labels, value: float, suffix: str = "") -> None:
        """Take a sample, unless it is absent; those of a histogram end in `_bucket`, `_sum`, `_count`."""
        if not math.isnan(value):
            self.samples.append((suffix, labels, value))


def wants_openmetrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics, as Prometheus' does."""
    return "application/openmetrics-text" in accept


def render(families: Iterable[Family], *, openmetrics: bool = False) -> str:
    """The page; families without a sample are left out."""
    out: list[str] = []
    for family in families:
        if not family.samples:
            continue
        name, kind = _declared(family, openmetrics=openmetrics)
        out.append(f"# HELP {name} {_help(family.help, openmetrics=openmetrics)}")
        out.append(f"# TYPE {name} {kind}")
        out += [
            f"{family.name}{suffix}{_labels(labels)} {_value(v)}"
            for suffix, labels, v in family.samples
        ]
    if openmetrics:
        out.append("# EOF")
    return "\n".join(out) + "\n" if out else ""


def _declared(family: Family, *, openmetrics: bool) -> tuple[str, str]:
    """Name and type of the declaration."""
    if not openmetrics:
        return family.name, "gauge" if family.kind == "info" else family.kind
    if family.kind == "info":
        return family.name.removesuffix("_info"), "info"
    if family.kind == "counter":
        # A counter's samples must end in `_total` there; DCGM's names do not, and stay what dashboards know.
        bare = family.name.removesuffix("_total")
        return (bare, "counter") if bare != family.name else (family.name, "unknown")
    return family.name, family.kind


def _help(text: str, *, openmetrics: bool) -> str:
    out = text.replace("\\", "\\\\").replace("\n", "\\n")
    return out.replace('"', '\\"') if openmetrics else out


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items()) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    # Six digits are finer than any sensor here, and hide what binary fractions add.
    return f"{value:.6f}".rstrip("0") if abs(value) >= 1e-3 else repr(value)
