"""What is to be shown of a node at one tick, without saying how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coldplate.console.output import rfc3339
from coldplate.console.top.reasons import words
from coldplate.console.top.resistance import Estimate

Values = Mapping[str, float]
"""By metric name; what is absent is not in it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that was heard of.

    Parameters
    ----------
    t_ms, kind, subject, code, text
        As in `coldplate.wire.event.Event`.
    """

    t_ms: int
    kind: str
    subject: str
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Parameters
    ----------
    id
        `rack-0003/node-5/gpu-0`.
    values
        Its metrics.
    resistance
        Of its cold plate; None where it cannot be told.
    job
        Id of the job that owns it; "" when none is known.
    user
        Whose job; "" when not known.
    xid
        The last XID since the command began; None when there was none.
    """

    id: str
    values: Values
    resistance: Estimate | None = None
    job: str = ""
    user: str = ""
    xid: Told | None = None

    @property
    def name(self) -> str:
        """Its name on its node."""
        return self.id.rpartition("/")[2]

    @property
    def held_by(self) -> list[str] | None:
        """Why its clock is held down; None when not known."""
        mask = self.values.get("clock_event_reasons")
        return None if mask is None else words(int(mask))


@dataclass(frozen=True, slots=True)
class Picture:
    """A node.

    Parameters
    ----------
    node
        Its id.
    t_ms
        The tick.
    gpus
        In the order of their numbers.
    values
        The node's own metrics.
    water
        Metrics by CDU.
    told
        The last events, oldest first.
    unwell
        By collector that does not answer or could not be made: why.
    """

    node: str
    t_ms: int
    gpus: Sequence[Gpu]
    values: Values = field(default_factory=dict)
    water: Mapping[str, Values] = field(default_factory=dict)
    told: Sequence[Told] = ()
    unwell: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs: metrics by the catalogue's names and units; what is absent is not there."""
        return {
            "node": self.node,
            "t": rfc3339(self.t_ms),
            "gpus": [_gpu(gpu) for gpu in self.gpus],
            "metrics": dict(self.values),
            "water": [{"id": cdu, "metrics": dict(v)} for cdu, v in self.water.items()],
            "events": [_told(told) for told in self.told],
            "unwell": dict(self.unwell),
        }


def _gpu(gpu: Gpu) -> dict[str, Any]:
    r = gpu.resistance
    return {
        "id": gpu.id,
        "metrics": dict(gpu.values),
        "clock_held_by": gpu.held_by,
        "resistance_k_per_w": None if r is None else r.k_per_w,
        "resistance_against": None if r is None else r.against,
        "job": gpu.job or None,
        "user": gpu.user or None,
        "xid": None if gpu.xid is None else _told(gpu.xid),
    }


def _told(told: Told) -> dict[str, Any]:
    return {
        "t": rfc3339(told.t_ms), "kind": told.kind, "subject": told.subject, "code": told.code,
        "text": told.text,
    }  # fmt: skip
