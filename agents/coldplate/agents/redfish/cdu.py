"""A CDU as Redfish describes it: a `CoolingUnit` and what hangs below it, and which of our metrics each part tells.

Parts that a unit lacks are normal and cost nothing: only what is found is read. Every part is looked for by itself, so
one that fails leaves the others.

References
----------
DMTF DSP2046 and its schemas CoolingUnit 1.4, CoolantConnector 1.3, Pump 1.2, Filter 1.1, Reservoir, LeakDetection 1.1,
EnvironmentMetrics 1.3; OCP Coolant Distribution Unit API 1.0.
"""

import math
import re
from collections.abc import Callable, Mapping

from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.cdu_parts import (
    FACTS,
    HEAT,
    LEVEL,
    PRIMARY,
    PUMPS,
    ROOM,
    SECONDARY,
    PumpSpeed,
    Watts,
    by_id,
    room,
    speed_words,
)
from coldplate.agents.redfish.client import ROOT, Client
from coldplate.agents.redfish.document import Doc, id_of, link_of, part, words
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.leak import Leaks, find_leaks
from coldplate.agents.redfish.reading import (
    NAN,
    Property,
    measures,
    number,
    reading,
    sensor,
    tell,
    tell_all,
)
from coldplate.agents.redfish.resource import Found, Looked, Place, Resource, Said, Told
from coldplate.agents.redfish.steps import Steps
from coldplate.wire.metric import CATALOGUE, Kind

CDUS = "/redfish/v1/ThermalEquipment/CDUs"

Values = Mapping[str, float]
# No service to be had at all: no use to look for further parts.
_AWAY = ("address", "connect", "certificate", "login", "busy")


class CduSearch:
    """Looks a service through for one CDU's parts; called again every now and then.

    Parameters
    ----------
    client
        The service.
    options
        Cadence and scales.
    unit
        Id of the CDU among the service's; "" when it has only one.
    """

    def __init__(self, client: Client, options: Redfish, unit: str = "") -> None:
        self._client, self._options, self._unit = client, options, unit
        self._leaks = Leaks(_place("leak"))
        self._heat_told = False
        self._facts: dict[str, str | float] = {}

    def __call__(self, found: Found) -> Steps[Looked]:
        """Tell each part as it is found.

        Raises
        ------
        RedfishError
            When the service cannot be had, or there is no CDU.
        """
        unit = yield from self._find_unit()
        yield None
        missed = ""
        # What tells of harm first comes first.
        for name, look in (
            ("LeakDetection", self._find_leaks),
            ("SecondaryCoolantConnectors", self._find_secondary),
            ("PrimaryCoolantConnectors", self._find_primary),
            ("Pumps", self._find_pumps),
            ("Filters", self._find_filters),
            ("Reservoirs", self._find_reservoirs),
            ("EnvironmentMetrics", self._find_room),
        ):
            if path := link_of(unit, name):
                try:
                    yield from look(path, found)
                except RedfishError as error:
                    if error.reason in _AWAY:
                        raise
                    missed = str(error)
                yield None
        self._find_sensors(found)
        return Looked(self._introduce(unit), missed)

    def _find_unit(self) -> Steps[Doc]:
        root = yield from self._client.get(ROOT)
        yield None
        path = CDUS
        if equipment := link_of(root, "ThermalEquipment"):
            path = link_of((yield from self._client.get(equipment)), "CDUs") or CDUS
            yield None
        units = yield from self._client.members(path)
        mine = [u for u in units if not self._unit or id_of(u) == self._unit]
        if not mine or (len(mine) > 1 and not self._unit):
            ids = ", ".join(map(id_of, units)) or "none"
            raise RedfishError(
                "not_found",
                f"{self._client.reach.url}: which CDU is meant? There are: {ids}; name one in the plant's list",
            )
        unit = mine[0]
        return unit if len(unit) > 1 else (yield from self._client.get(link_of(unit)))

    def _find_leaks(self, path: str, found: Found) -> Steps[None]:
        found((yield from find_leaks(self._client, path, self._leaks, 1, _place("leak"))))

    def _find_secondary(self, path: str, found: Found) -> Steps[None]:
        docs = yield from self._client.members(path)
        self._heat_told = any(HEAT.name in d for d in docs)
        self._connect(found, path, docs, (*SECONDARY, HEAT) if self._heat_told else SECONDARY)

    def _find_primary(self, path: str, found: Found) -> Steps[None]:
        docs = yield from self._client.members(path)
        # Two meters of the same heat differ: the secondary's is taken, and the other only where there is none.
        also = any(HEAT.name in d for d in docs) and not self._heat_told
        self._connect(found, path, docs, (*PRIMARY, HEAT) if also else PRIMARY)

    def _connect(
        self, found: Found, path: str, docs: list[Doc], properties: tuple[Property, ...]
    ) -> None:
        def values(docs: list[Doc]) -> Values:
            return tell_all(docs, properties, self._options.gauge_kpa)

        self._add(found, path, docs, 1, values, {p.metric: p.name for p in properties})

    def _find_pumps(self, path: str, found: Found) -> Steps[None]:
        docs = yield from self._client.members(path)
        pumps = sorted((d for d in docs if d.get("PumpType") != "Compressor"), key=by_id)[:PUMPS]
        numbers = {link_of(d): i + 1 for i, d in enumerate(pumps)}
        if len(pumps) > 1 and self._client.expanded(path):
            self._pumps_together(found, path, docs, numbers)
        else:
            for pump, number in numbers.items():
                self._single(
                    found, pump, self._options.pump_ticks, PumpSpeed(number), speed_words([number])
                )
        for doc in pumps:
            if power := link_of(doc, "EnvironmentMetrics"):
                watts = Watts(f"pump{numbers[link_of(doc)]}_w")
                told = {watts.metric: "PowerWatts"}
                self._single(found, power, self._options.slow_ticks, watts, told)

    def _pumps_together(
        self, found: Found, path: str, docs: list[Doc], numbers: Mapping[str, int]
    ) -> None:
        def values(docs: list[Doc]) -> Values:
            out: dict[str, float] = {}
            for doc in docs:
                if (number := numbers.get(link_of(doc))) is not None:
                    out |= PumpSpeed(number)(doc)
            return out

        words = speed_words(numbers.values())
        self._add(found, path, docs, self._options.pump_ticks, values, words)

    def _find_filters(self, path: str, found: Found) -> Steps[None]:
        docs = yield from self._client.members(path)
        telling = [d for d in docs if "DeltaLiquidPressurekPa" in d]

        def values(docs: list[Doc]) -> Values:
            # The most clogged one is what matters.
            deltas = [reading(d, "DeltaLiquidPressurekPa") for d in docs if measures(d)]
            return {"filter_kpa_delta": max((d for d in deltas if d == d), default=NAN)}  # noqa: PLR0124

        if telling:
            told = {"filter_kpa_delta": "DeltaLiquidPressurekPa"}
            self._add(found, path, telling, self._options.slow_ticks, values, told)

    def _find_reservoirs(self, path: str, found: Found) -> Steps[None]:
        docs = yield from self._client.members(path)
        for doc in docs:
            if LEVEL.name in doc and doc.get("ReservoirType") != "Overflow":
                self._single(
                    found, link_of(doc), self._options.slow_ticks,
                    lambda d: tell(d, (LEVEL,), 0.0), {LEVEL.metric: LEVEL.name},
                )  # fmt: skip
                return

    def _find_room(self, path: str, found: Found) -> Steps[None]:
        tells = {p.metric: p.name for p in ROOM}
        self._single(found, path, self._options.slow_ticks, room, tells)
        yield None

    def _find_sensors(self, found: Found) -> None:
        mine = {m.name for m in CATALOGUE[Kind.CDU]}
        for name, path in self._options.sensors.items():
            if name in mine:

                def value(doc: Doc, name: str = name) -> Values:
                    return {name: sensor(doc, Kind.CDU, name, self._options.gauge_kpa)}

                self._single(found, path, self._options.slow_ticks, value, {name: "Reading"})

    def _add(
        self, found: Found, path: str, docs: list[Doc], every: int,
        values: Callable[[list[Doc]], Values], tells: Mapping[str, str],
    ) -> None:  # fmt: skip
        """Read the members of a collection together."""
        client = self._client
        paths = [p for p in map(link_of, docs) if p]
        together = client.expanded(path) if len(paths) > 1 else ""

        def read() -> Steps[Told]:
            if together:
                got = yield from client.whole(together)
                got = [d for d in got if link_of(d) in paths]
            else:
                got = []
                for p in paths:
                    got.append((yield from client.get(p, keep=True)))
                    yield None
            return _told(values(got))

        if paths:
            words = {_place(metric): said for metric, said in tells.items()}
            found(
                Resource(_short(path) if len(paths) > 1 else _short(paths[0]), every, read, words)
            )

    def _single(
        self, found: Found, path: str, every: int, values: Callable[[Doc], Values],
        tells: Mapping[str, str],
    ) -> None:  # fmt: skip
        """Read one document."""
        client = self._client

        def read() -> Steps[Told]:
            return _told(values((yield from client.get(path, keep=True))))

        places = {_place(metric): said for metric, said in tells.items()}
        found(Resource(_short(path), every, read, places))

    def _introduce(self, unit: Doc) -> tuple[Said, ...]:
        facts: dict[str, str | float] = {}
        for name, theirs in FACTS.items():
            value = unit.get(theirs)
            told = words(value) or number(value)
            if isinstance(told, str) or math.isfinite(told):
                facts[name] = told
        if coolant := words(part(unit, "Coolant").get("CoolantType")):
            facts["coolant"] = coolant
        if facts == self._facts:
            return ()
        self._facts = facts
        return (Said("facts", data=facts),)


def _place(metric: str) -> Place:
    return Place(Kind.CDU, 0, metric)


def _told(values: Values) -> Told:
    return Told({_place(metric): value for metric, value in values.items()})


def _short(path: str) -> str:
    """The end of a path, from the unit on."""
    return re.sub(r"^.*/CDUs/[^/]+/|^/redfish/v1/", "", path)
