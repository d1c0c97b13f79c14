"""The spans of an acceptance: what runs in each, how long, and what hands or the site's hook do meanwhile.

Lengths are those of a real acceptance; facts of the field: pressure hold 60 min, burn-in 72 h at least
(aidatacenterguide 13.8), the others long enough for the slowest part of what is looked at (47 s of a GPU's way of heat,
minutes of a CDU's valve) to come to rest. `short_s` is what the twin takes for the same, see evaluating.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

PhaseName = Literal["hold", "rope", "idle", "half", "full", "failover", "steps", "soak", "restart"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done within a phase.

    Parameters
    ----------
    mark
        Name under which its time is kept.
    at_share
        When, as a share of the phase.
    action
        What the site's hook is called with; empty: hands only.
    ask
        What a technician is asked when no hook does it.
    """

    mark: str
    at_share: float
    action: str
    ask: str


@dataclass(frozen=True, slots=True)
class Phase:
    """One span.

    Parameters
    ----------
    name
        Steps name it.
    seconds, short_s
        How long it lasts, and in the twin.
    load
        What runs on every GPU: `idle`, `half`, `full` or `steps`.
    ready
        What a technician is asked before it begins; empty: nothing.
    deeds
        In order of time.
    """

    name: str
    seconds: float
    short_s: float
    load: str = "idle"
    ready: str = ""
    deeds: tuple[Deed, ...] = ()


PHASES = (
    Phase("hold", 3600.0, 60.0, ready="press enter when {rack} is filled, vented, and closed off at test pressure"),
    Phase("rope", 120.0, 12.0, deeds=(Deed("wet", 0.4, "", "wet the leak rope of {rack}, then press enter at once"),)),
    Phase("idle", 180.0, 24.0, ready="press enter when the leak rope of {rack} is dry and its nodes are powered"),
    Phase("half", 300.0, 50.0, "half"),
    Phase("full", 900.0, 100.0, "full"),
    Phase("failover", 180.0, 60.0, "full", deeds=(
        Deed("stopped", 0.2, "pump-stop", "stop the pump on duty of {rack}, then press enter at once"),
        Deed("restored", 0.8, "pump-start", "give pump 1 of {rack} back, then press enter"),
    )),
    Phase("steps", 300.0, 30.0, "steps"),
    Phase("soak", 72 * 3600.0, 40.0, "full"),
    Phase("restart", 600.0, 14.0, deeds=(
        Deed("restarted", 0.0, "restart", "restart every node of {rack}, then press enter when they are back"),
    )),
)  # fmt: skip
"""In the order in which they are run."""


def phases_of(seconds: Mapping[PhaseName, float]) -> tuple[Phase, ...]:
    """The phases, some with another length."""
    told = {str(name): length for name, length in seconds.items()}
    return tuple(replace(p, seconds=told.get(p.name, p.seconds)) for p in PHASES)


BY_NAME = {phase.name: phase for phase in PHASES}
