"""What is to be shown of a hall and of what somebody looks at in it, without saying where from or how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from coldplate.console.output import rfc3339
from coldplate.wire.incident import Severity

Values = Mapping[str, float]
"""By metric name; what is absent is not in it."""

Series = Sequence[tuple[int, float]]
"""Unix milliseconds and value, oldest first."""

STALE_S = 15.0
"""Data older than this is called stale, a rack that sent nothing for so long silent."""

RANK = {str(s): n for n, s in enumerate(Severity)}
"""By severity: the higher the worse."""


@dataclass(frozen=True, slots=True)
class Rack:
    """One rack as it was last.

    Parameters
    ----------
    id, hall, row
        As in the inventory.
    gpus
        That it should have.
    t_ms
        Newest sample of anything in it; None when there is none.
    seen
        GPUs that sent something lately.
    throttled
        GPUs held down by heat or by the power brake.
    power_w
        By its own meter; without one, that of its GPUs.
    gpu_c, margin_c
        Of the hottest GPU, of the one nearest to its limit.
    water
        Metrics of its CDU.
    """

    id: str
    hall: str = ""
    row: str = ""
    gpus: int = 0
    t_ms: int | None = None
    seen: int = 0
    throttled: int = 0
    power_w: float | None = None
    gpu_c: float | None = None
    margin_c: float | None = None
    water: Values = field(default_factory=dict)

    def silent(self, now_ms: int) -> bool:
        """Whether nothing came of it lately."""
        return self.t_ms is None or now_ms - self.t_ms > 1000 * STALE_S


@dataclass(frozen=True, slots=True)
class Open:
    """An incident that is open.

    Parameters
    ----------
    id, severity, kind, subject, rack, opened_ms, cause, affected
        As in `coldplate.wire.incident.Incident`; of the affected their number.
    acked_by
        Who takes care of it; "" when nobody does.
    silenced
        Whether a silence keeps messages about it back.
    step
        Of the record that is known.
    """

    id: str
    severity: str
    kind: str
    subject: str
    rack: str
    opened_ms: int
    cause: str
    affected: int = 0
    acked_by: str = ""
    silenced: bool = False
    step: int = 0


@dataclass(frozen=True, slots=True)
class Hall:
    """All racks at one look.

    Parameters
    ----------
    now_ms
        The history's clock at the look.
    t_ms
        Newest sample of all; None when there is none.
    racks
        In the inventory's order.
    incidents
        Open ones, the worst first.
    power_w
        By the hall's meter; without one the sum of the racks.
    ramp_w_s, ramp_over_s
        How fast that changes, and over which time; None when not known.
    """

    now_ms: int
    t_ms: int | None = None
    racks: Sequence[Rack] = ()
    incidents: Sequence[Open] = ()
    power_w: float | None = None
    ramp_w_s: float | None = None
    ramp_over_s: float = 0.0

    @property
    def age_s(self) -> float | None:
        """Age of the newest sample at the look."""
        return None if self.t_ms is None else max(0.0, (self.now_ms - self.t_ms) / 1000)

    def worst(self) -> dict[str, Open]:
        """By rack: the worst of its incidents."""
        return {o.rack: o for o in reversed(self.incidents)}

    def as_json(self) -> dict[str, Any]:
        """For programs: units as the names say; what is absent is null."""
        return {
            "at": rfc3339(self.now_ms),
            "t": rfc3339(self.t_ms),
            "age_s": self.age_s,
            "stale": self.age_s is None or self.age_s > STALE_S,
            "power_w": self.power_w,
            "ramp_w_s": self.ramp_w_s,
            "ramp_over_s": self.ramp_over_s,
            "racks": [_rack(r, self.now_ms) for r in self.racks],
            "incidents": [open_told(o) for o in self.incidents],
        }


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as it was last.

    Parameters
    ----------
    id, node
        As in the inventory.
    t_ms
        Its newest sample; None when there is none.
    values
        Its metrics.
    """

    id: str
    node: str
    t_ms: int | None = None
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody looks at beside the hall.

    Parameters
    ----------
    racks
        Whose GPUs are shown.
    rack, gpu
        Whose last ten minutes are shown; "" for none.
    incident
        Whose story is told; "" for none.
    search
        Part of the id of a device; "" for none.
    """

    racks: tuple[str, ...] = ()
    rack: str = ""
    gpu: str = ""
    incident: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One record of an incident.

    Parameters
    ----------
    t_ms, severity, state, why
        As in `coldplate.wire.incident.Incident`.
    evidence
        What was measured.
    """

    t_ms: int
    severity: str
    state: str
    why: str
    evidence: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """What is known of that.

    Parameters
    ----------
    shown
        What was asked for.
    gpus
        By rack, in the order of nodes and places.
    series
        By metric: of the rack, or of the GPU where one was asked for.
    values
        Of that GPU: all its metrics, the slow ones too.
    steps
        Of the incident, oldest first.
    found
        Kind, id and rack of devices.
    """

    shown: Shown = field(default_factory=Shown)
    gpus: Mapping[str, Sequence[Gpu]] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    values: Values = field(default_factory=dict)
    steps: Sequence[Step] = ()
    found: Sequence[tuple[str, str, str]] = ()


class Away(Exception):  # noqa: N818  a state of the source, told and then forgotten
    """The source does not answer; the message says why."""


class Source(Protocol):
    """Where pictures come from; used by one thread at a time."""

    def hall(self) -> Hall:
        """All racks as they are now.

        Raises
        ------
        Away
        """

    def detail(self, shown: Shown) -> Detail:
        """What is looked at.

        Raises
        ------
        Away
        """

    def close(self) -> None:
        """Let go."""


def _rack(r: Rack, now_ms: int) -> dict[str, Any]:
    return {
        "id": r.id, "hall": r.hall, "row": r.row, "t": rfc3339(r.t_ms), "silent": r.silent(now_ms),
        "gpus": r.gpus, "seen": r.seen, "throttled": r.throttled, "power_w": r.power_w,
        "gpu_c": r.gpu_c, "margin_c": r.margin_c, "water": dict(r.water),
    }  # fmt: skip


def open_told(o: Open) -> dict[str, Any]:
    """An incident for a program."""
    return {
        "id": o.id, "severity": o.severity, "kind": o.kind, "subject": o.subject, "rack": o.rack,
        "opened": rfc3339(o.opened_ms), "cause": o.cause, "affected": o.affected,
        "acked_by": o.acked_by or None, "silenced": o.silenced,
    }  # fmt: skip
