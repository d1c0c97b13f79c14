"""Leak detectors, of a CDU or of a node's tray: the state of each, and what is told when one gets wet.

A `LeakDetection` resource gives the states of all its detectors in groups, in one answer. Where it does not, its
collection of detectors is read, and where there is none, its own health is all there is.
"""

from collections.abc import Iterable, Mapping

from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.document import Doc, id_of, items, link_of, part, words
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.reading import NAN, measures
from coldplate.agents.redfish.resource import Place, Resource, Said, Told
from coldplate.agents.redfish.steps import Steps

WET = ("Warning", "Critical")
DRY = "OK"

States = Mapping[str, str]
"""By detector its state; "" where it has none."""


def grouped(doc: Doc) -> dict[str, str]:
    """The states in a LeakDetection's groups."""
    out: dict[str, str] = {}
    for group in items(doc, "LeakDetectorGroups"):
        for detector in items(group, "Detectors"):
            state = detector.get("DetectorState")
            uri = detector.get("DataSourceUri")
            end = uri.rpartition("/")[2] if isinstance(uri, str) else ""
            name = words(detector.get("DeviceName")) or words(end) or f"detector {len(out)}"
            out[name] = state if isinstance(state, str) else ""
    return out


def single(docs: Iterable[Doc]) -> dict[str, str]:
    """The states of LeakDetectors; those that are switched off are left out."""
    out: dict[str, str] = {}
    for doc in docs:
        if measures(doc):
            state = doc.get("DetectorState")
            if not isinstance(state, str):
                state = part(doc, "Status").get("Health")
            name = words(doc.get("Name")) or id_of(doc) or f"detector {len(out)}"
            out[name] = state if isinstance(state, str) else ""
    return out


def rolled_up(doc: Doc) -> dict[str, str]:
    """The health of the whole, where no detector is listed."""
    health = part(doc, "Status").get("Health")
    return {"leak detection": health} if isinstance(health, str) and measures(doc) else {}


class Leaks:
    """Remembers which detectors are wet.

    Parameters
    ----------
    place
        Where the metric stands; None where the kind of device has none.
    """

    def __init__(self, place: Place | None) -> None:
        self._place = place
        self._wet: dict[str, str] = {}

    def tell(self, states: States) -> Told:
        """1 when one is wet, 0 when all are dry, NaN otherwise; and what got wet, or wetter, since the last time."""
        said = tuple(
            Said("leak", f"{name}: {state}", {"detector": name, "state": state})
            for name, state in states.items()
            if state in WET and self._wet.get(name) not in (state, WET[1])
        )
        # Who does not tell keeps what it said: a wet detector that fails does not get wet anew.
        for name, state in states.items():
            if state in WET:
                self._wet[name] = state
            elif state == DRY:
                self._wet.pop(name, None)
        if self._place is None:
            return Told(said=said)
        if any(state in WET for state in states.values()):
            value = 1.0
        else:
            value = 0.0 if states and all(s == DRY for s in states.values()) else NAN
        return Told({self._place: value}, said)


def find_leaks(client: Client, path: str, leaks: Leaks, every: int, place: Place | None) -> Steps[Resource]:  # fmt: skip
    """What is to be read to know of leaks.

    Raises
    ------
    RedfishError
        When the LeakDetection cannot be read.
    """
    doc = yield from client.get(path)
    tells = {} if place is None else {place: "DetectorState"}
    collection = link_of(doc, "LeakDetectors")
    if grouped(doc):
        return Resource("LeakDetection", every, lambda: _whole(client, path, leaks), tells)
    docs: list[Doc] = []
    if collection:
        yield None
        docs = yield from client.members(collection)
    if not docs:
        return Resource("LeakDetection", every, lambda: _whole(client, path, leaks), tells)
    if together := client.expanded(collection):
        return Resource("LeakDetectors", every, lambda: _together(client, together, leaks), tells)
    paths = [p for p in (link_of(d) for d in docs) if p]
    return Resource("LeakDetectors", every, lambda: _each(client, paths, leaks), tells)


def _whole(client: Client, path: str, leaks: Leaks) -> Steps[Told]:
    doc = yield from client.get(path, keep=True)
    return leaks.tell(grouped(doc) or rolled_up(doc))


def _together(client: Client, path: str, leaks: Leaks) -> Steps[Told]:
    return leaks.tell(single((yield from client.whole(path))))


def _each(client: Client, paths: list[str], leaks: Leaks) -> Steps[Told]:
    states: dict[str, str] = {}
    failed: RedfishError | None = None
    for path in paths:
        try:
            states |= single([(yield from client.get(path, keep=True))])
        except RedfishError as error:
            if error.resting:
                raise
            states[path.rpartition("/")[2]], failed = "", error
        yield None
    if failed is not None and not any(states.values()):
        raise failed
    return leaks.tell(states)
