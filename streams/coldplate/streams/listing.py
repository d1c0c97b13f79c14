"""What the inventory says against what sends: another rack, devices that nobody listed, names and serials that stand twice.

Such a device is watched all the same; what is wrong is the paper, and that is a ticket. A node that answers in place of
another is no matter of names, and seen by its meters (detectors/energy.py).
"""

from dataclasses import dataclass, field

from msgspec.structs import replace

from coldplate.streams.causes import LISTING
from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity
from coldplate.wire.inventory import Inventory

CLAIM_MS = 60_000
"""Who has not sent a device's readings for so long has given it away."""

SOURCES_MAX = 65_536
"""Whoever sends under ever new names is not looked at."""

Told = tuple[str, tuple[tuple[str, ...], ...]]
"""Rack and devices by block, as a frame's head has them."""


@dataclass(slots=True)
class _Source:
    told: Told
    heard_ms: int
    rack: str
    wrong: dict[str, str] = field(default_factory=dict)
    """By subject: what is wrong about it."""


class Listing:
    """Holds heads of frames against an inventory.

    Parameters
    ----------
    cluster
        Stands in the anomalies.
    known
        The inventory; without one nothing is wrong.

    Notes
    -----
    A frame whose source says what it said before costs a comparison.
    """

    def __init__(self, cluster: str, known: Inventory | None = None) -> None:
        self._cluster, self._known = cluster, known
        self._sources: dict[str, _Source] = {}
        self._owner: dict[str, str] = {}
        self._changes: list[Anomaly] = []
        self._twice = _twice(known) if known is not None else {}
        self._has_cdu = {d.parent for d in known.of_kind("cdu")} if known is not None else set()

    def heard(self, head: Head, appended_ms: int) -> None:
        """A frame came, which Kafka has since `appended_ms`."""
        if self._known is None:
            return
        told: Told = (head.rack, tuple(b.devices for b in head.blocks))
        source = self._sources.get(head.source)
        if source is not None and source.told == told:
            source.heard_ms = appended_ms
            return
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                return
            source = self._sources[head.source] = _Source(told, appended_ms, head.rack)
        source.told, source.heard_ms, source.rack = told, appended_ms, head.rack
        wrong = self._wrong(head, self._known, appended_ms)
        for subject in wrong.keys() - source.wrong.keys():
            self._note(subject, source, wrong[subject], on=True)
        for subject in source.wrong.keys() - wrong.keys():
            self._note(subject, source, source.wrong[subject], on=False)
        source.wrong = wrong

    def look(self, now_ms: int) -> list[Anomaly]:
        """What turned out wrong, or was put right, since the last look."""
        out, self._changes = self._changes, []
        return [replace(a, arrived_ms=now_ms) for a in out]

    def _wrong(self, head: Head, known: Inventory, now_ms: int) -> dict[str, str]:
        out: dict[str, str] = {}
        devices = [d for b in head.blocks for d in b.devices]
        unlisted = [d for d in devices if d not in known]
        if unlisted:
            out[head.source] = f"{len(unlisted)} devices that nobody listed, such as {unlisted[0]}"
        elif (listed := _rack_of(known, devices)) not in ("", head.rack):
            out[head.source] = f"it sends from {head.rack} and is listed in {listed}"
        for device in devices:
            if (other := self._twice.get(device)) is not None:
                out[device] = f"it has the serial or UUID of {other}"
            owner = self._owner.setdefault(device, head.source)
            if owner != head.source:
                before = self._sources.get(owner)
                if before is not None and now_ms - before.heard_ms <= CLAIM_MS:
                    out[device] = f"{head.source} and {owner} both say that it is theirs"
                else:
                    self._owner[device] = head.source
        rack = known.devices.get(head.rack)
        # The hall's own meters send as of the hall.
        if (
            self._has_cdu
            and rack is not None
            and rack.kind == "rack"
            and rack.id not in self._has_cdu
        ):
            out[rack.id] = "no CDU is listed in it"
        return out

    def _note(self, subject: str, source: _Source, what: str, *, on: bool) -> None:
        evidence = Evidence(LISTING, subject, "inventory", source.heard_ms, note=what)
        self._changes.append(
            Anomaly(
                self._cluster, LISTING, "inventory-wrong", subject, source.rack, source.heard_ms, on,
                Severity.TICKET, evidence,
            )
        )  # fmt: skip


def _rack_of(known: Inventory, devices: list[str]) -> str:
    """The rack in which the first of some listed devices stands; "" for what stands in none."""
    if not devices or known.devices[devices[0]].kind not in ("gpu", "node", "cdu"):
        return ""
    return known.rack_of(devices[0])


def _twice(known: Inventory) -> dict[str, str]:
    """Devices of the same kind that have a serial or UUID which another has: by id, the other's."""
    out: dict[str, str] = {}
    first: dict[tuple[str, str], str] = {}
    for device in known:
        for mark in (device.serial, device.uuid):
            if mark and (other := first.setdefault((device.kind, mark), device.id)) != device.id:
                out[device.id] = other
    return out
