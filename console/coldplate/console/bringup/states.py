"""The states of a rack on its way from the plan to training, and the changes that history has of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

WAY = ("planned", "delivered", "cabled", "filled", "flushed", "tight", "powered", "burning-in", "accepted")  # fmt: skip
"""What a rack passes through, in order."""

HELD, TRAINING = "held", "in-training"
STATES = (*WAY, HELD, TRAINING)

FURTHER = {s: n for n, s in enumerate((*WAY[:-1], HELD, WAY[-1], TRAINING))}
"""Of changes at the same moment the further one counts, as view `rack_state` has it."""

STEPS = ("deliver", "cable", "fill", "flush", "hold", "power", "check", "burn-in")
"""What brings a rack from a state to the next: the n-th from `WAY[n]` to `WAY[n + 1]`."""


WORK = STEPS[1:]
"""Steps that take time and hands on the floor; deliveries come at a pace."""


@dataclass(frozen=True, slots=True)
class Change:
    """A rack came to a state.

    Parameters
    ----------
    rack, t_ms, state
        Which, when, to which.
    step, cause, verdict, held, gpus, who
        As table `commissions` has them.
    """

    rack: str
    t_ms: int
    state: str
    step: str = ""
    cause: str = ""
    verdict: str = ""
    held: tuple[str, ...] = ()
    gpus: int = 0
    who: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rack of the inventory stands.

    Parameters
    ----------
    rack, hall, row
        Ids; racks come in order of hall, row and place in the row.
    gpus
        That it has by the inventory.
    """

    rack: str
    hall: str = ""
    row: str = ""
    gpus: int = 0


@dataclass(slots=True)
class Standing:
    """How far a rack is.

    Parameters
    ----------
    place
        Where it stands.
    now
        The newest change; None for one that nobody has told of.
    since_ms
        From when it has been in its state, phases of a test within it left aside.
    reached_ms
        By state of the way, when it came to it; a rack that was sent back comes to it anew.
    failed
        By step, how often it was held in it.
    """

    place: Place
    now: Change | None = None
    since_ms: int | None = None
    reached_ms: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """One of `STATES`; planned without any change."""
        return WAY[0] if self.now is None else self.now.state

    @property
    def gpus(self) -> int:
        """That it has, held ones too: as told, otherwise the inventory's."""
        return (self.now.gpus if self.now is not None else 0) or self.place.gpus

    @property
    def usable(self) -> int:
        """GPUs that may be used now."""
        if self.now is None or self.state not in (WAY[-1], TRAINING):
            return 0
        return max(0, self.gpus - len(self.now.held))

    @property
    def done(self) -> int:
        """How many steps of the way are behind it; a held rack has those before the one that holds it."""
        if self.state == TRAINING:
            return len(STEPS)
        if self.state != HELD:
            return WAY.index(self.state)
        known = [WAY.index(s) for s in self.reached_ms if s != WAY[-1]]
        return max(known, default=0)

    def take(self, change: Change) -> None:
        """Follow it; changes come in order of time."""
        before = self.state if self.now is not None else ""
        if change.state == HELD and before != HELD:
            step = STEPS[min(self.done, len(STEPS) - 1)]
            self.failed[step] = self.failed.get(step, 0) + 1
            self.reached_ms.pop(WAY[-1], None)
        if change.state != before:
            self.since_ms = change.t_ms
        if change.state in WAY:
            # One that was sent back begins anew from there.
            at = WAY.index(change.state)
            self.reached_ms = {s: t for s, t in self.reached_ms.items() if WAY.index(s) <= at}
            self.reached_ms.setdefault(change.state, change.t_ms)
        self.now = change


def standing_of(place: Place, changes: Iterable[Change]) -> Standing:
    """Of one rack.

    Parameters
    ----------
    changes
        Of this rack, in any order; what stands there twice counts once.
    """
    out = Standing(place)
    for change in sorted(set(changes), key=lambda c: (c.t_ms, FURTHER.get(c.state, 0), c.step)):
        if change.state in FURTHER:
            out.take(change)
    return out


def standings(places: Iterable[Place], changes: Iterable[Change]) -> list[Standing]:
    """Every rack of the inventory in its order, then those that only changes name."""
    known = {p.rack: p for p in places}
    by_rack: dict[str, list[Change]] = {rack: [] for rack in known}
    for change in changes:
        by_rack.setdefault(change.rack, []).append(change)
    return [standing_of(known.get(r, Place(r)), found) for r, found in by_rack.items()]
