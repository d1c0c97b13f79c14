"""A GPU node as its own controller describes it: the baseboard's GPUs, the node's power, its air and its leak detectors.

GPU n of the baseboard is not GPU n of the driver: they are put together by UUID or serial number, or by a given name,
never by number. All GPUs' temperatures and powers come in one answer where the controller has NVIDIA's metric report of
the platform's environment; otherwise each GPU's EnvironmentMetrics are read.

References
----------
DMTF Processor, EnvironmentMetrics, ThermalMetrics, MetricReport; NVIDIA HGX: `HGX_PlatformEnvironmentMetrics_0` and the
names of its sensors. Taken from published sources; not seen on hardware.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.client import ROOT, Client
from coldplate.agents.redfish.document import Doc, id_of, items, link_of, part, words
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.leak import Leaks, find_leaks
from coldplate.agents.redfish.reading import NAN, number, reading, sensor
from coldplate.agents.redfish.resource import Found, Looked, Place, Resource, Said, Told
from coldplate.agents.redfish.steps import Steps
from coldplate.wire.metric import CATALOGUE, Kind

REPORT = "/redfish/v1/TelemetryService/MetricReports/HGX_PlatformEnvironmentMetrics_0"

_SENSOR = re.compile(r"HGX_(GPU_(?:SXM_)?\d+)_(TEMP_0|DRAM_0_Temp_0|Power_0|Energy_0)")
_REPORTED = {
    "TEMP_0": "gpu_c", "DRAM_0_Temp_0": "hbm_c", "Power_0": "power_instant_w", "Energy_0": "energy_j",
}  # fmt: skip
_MEASURED = {"gpu_c": "TemperatureCelsius", "power_instant_w": "PowerWatts", "energy_j": "EnergyJoules"}  # fmt: skip

FACTS = {"manufacturer": "Manufacturer", "model": "Model", "serial": "SerialNumber", "bios": "BiosVersion"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GpuIdentity:
    """A GPU as the driver knows it.

    Parameters
    ----------
    id
        Ours: `rack-0003/node-5/gpu-2`.
    uuid, serial
        As the driver gives them; "" when not known.
    """

    id: str
    uuid: str = ""
    serial: str = ""


class HgxSearch:
    """Looks a node's controller through.

    Parameters
    ----------
    client
        The service.
    options
        Cadence, and what names GPUs.
    gpus
        In the order of the collector's columns.
    """

    def __init__(self, client: Client, options: Redfish, gpus: Sequence[GpuIdentity]) -> None:
        self._client, self._options, self._gpus = client, options, gpus
        self._leaks = Leaks(None)
        self._facts: dict[str, str] = {}

    def __call__(self, found: Found) -> Steps[Looked]:
        """Tell each part as it is found.

        Raises
        ------
        RedfishError
            When the service cannot be had.
        """
        root = yield from self._client.get(ROOT)
        yield None
        missed = ""
        facts: dict[str, str] = {}
        systems = yield from self._client.members(link_of(root, "Systems") or f"{ROOT}Systems")
        for system in systems:
            yield None
            try:
                if self._gpus:
                    missed = (yield from self._find_gpus(system, found)) or missed
                # The host's system says what the node is, the baseboard's only what the baseboard is.
                if not facts and "/HGX_" not in link_of(system):
                    facts = {k: v for k, n in FACTS.items() if (v := words(system.get(n)))}
            except RedfishError as error:
                if error.resting and error.reason != "timeout":
                    raise
                missed = str(error)
        missed = (yield from self._find_chassis(systems, found)) or missed
        self._find_sensors(found)
        said = (Said("facts", data=facts),) if facts and facts != self._facts else ()
        self._facts = facts
        return Looked(said, missed)

    def _find_gpus(self, system: Doc, found: Found) -> Steps[str]:
        path = link_of(system, "Processors")
        if not path:
            return ""
        processors = yield from self._client.members(path)
        theirs = [p for p in processors if p.get("ProcessorType") == "GPU"]
        if not theirs:
            return ""
        columns = match(theirs, self._gpus, self._options.modules)
        if not columns:
            return (
                f"{self._client.reach.url}: none of its {len(theirs)} GPUs has a UUID or serial number of one of ours;"
                " set redfish.modules"
            )
        yield None
        try:
            report = yield from self._client.get(REPORT)
            reported = bool(self._report(report, columns))
        except RedfishError as error:
            if error.resting:
                raise
            reported = False
        if reported:
            self._add_report(found, columns)
        else:
            memories = yield from self._memories(system)
            for processor in theirs:
                self._add_gpu(found, processor, columns, memories)
        return ""

    def _add_report(self, found: Found, columns: Mapping[str, int]) -> None:
        def read() -> Steps[Told]:
            return Told(self._report((yield from self._client.get(REPORT)), columns))

        places = {
            Place(Kind.GPU, column, name): sensor
            for column in columns.values()
            for sensor, name in _REPORTED.items()
            if self._given(name)
        }
        found(Resource(REPORT.rpartition("/")[2], self._options.gpu_ticks, read, places))

    def _report(self, doc: Doc, columns: Mapping[str, int]) -> dict[Place, float]:
        out = {}
        for value in items(doc, "MetricValues"):
            uri = value.get("MetricProperty")
            found = _SENSOR.fullmatch(uri.rpartition("/")[2]) if isinstance(uri, str) else None
            if found is None or found[1] not in columns or not self._given(_REPORTED[found[2]]):
                continue
            # The controller marks what it has not read lately.
            stale = part(part(value, "Oem"), "Nvidia").get("MetricValueStale") is True
            out[Place(Kind.GPU, columns[found[1]], _REPORTED[found[2]])] = (
                NAN if stale else _text_number(value.get("MetricValue"))
            )
        return out

    def _given(self, metric: str) -> bool:
        return metric != "energy_j" or self._options.energy

    def _memories(self, system: Doc) -> Steps[dict[str, str]]:
        """By GPU of the baseboard, where its memory's temperature is."""
        path = link_of(system, "Memory")
        if not path:
            return {}
        yield None
        out = {}
        for memory in (yield from self._client.members(path)):
            name, _, rest = id_of(memory).partition("_DRAM")
            if rest and (metrics := link_of(memory, "EnvironmentMetrics")):
                out[name] = metrics
        return out

    def _add_gpu(
        self, found: Found, processor: Doc, columns: Mapping[str, int], memories: Mapping[str, str]
    ) -> None:
        name = id_of(processor)
        if name not in columns:
            return
        for path, measured in (
            (link_of(processor, "EnvironmentMetrics"), _MEASURED),
            (memories.get(name, ""), {"hbm_c": "TemperatureCelsius"}),
        ):
            if path:
                mine = {m: p for m, p in measured.items() if self._given(m)}
                self._single(found, path, self._options.gpu_ticks, Kind.GPU, columns[name], mine)

    def _single(
        self, found: Found, path: str, every: int, kind: Kind, column: int, names: Mapping[str, str]
    ) -> None:
        def read() -> Steps[Told]:
            doc = yield from self._client.get(path, keep=True)
            return Told({Place(kind, column, m): reading(doc, p) for m, p in names.items()})

        places = {Place(kind, column, m): p for m, p in names.items()}
        found(Resource(path.removeprefix(ROOT), every, read, places))

    def _find_chassis(self, systems: Sequence[Doc], found: Found) -> Steps[str]:
        """The chassis of the node itself: the first that a system names and that has power or air."""
        missed = ""
        paths = [link_of(c) for s in systems for c in items(part(s, "Links"), "Chassis")]
        seen: set[str] = set()
        for path in filter(None, paths):
            # The baseboard's own parts are chassis too, and not the node.
            if path in seen or "/HGX_" in path:
                continue
            seen.add(path)
            yield None
            try:
                chassis = yield from self._client.get(path)
                yield from self._find_air(chassis, found)
            except RedfishError as error:
                if error.resting and error.reason != "timeout":
                    raise
                missed = str(error)
                continue
            if power := link_of(chassis, "EnvironmentMetrics"):
                every = self._options.node_ticks
                self._single(found, power, every, Kind.NODE, 0, {"node_power_w": "PowerWatts"})
            break
        return missed

    def _find_air(self, chassis: Doc, found: Found) -> Steps[None]:
        path = link_of(chassis, "ThermalSubsystem")
        if not path:
            return
        yield None
        thermal = yield from self._client.get(path)
        place = Place(Kind.NODE, 0, "air_inlet_c")
        if metrics := link_of(thermal, "ThermalMetrics"):

            def read() -> Steps[Told]:
                return Told({place: air_inlet_c((yield from self._client.get(metrics, keep=True)))})

            places = {place: "TemperatureSummaryCelsius"}
            found(Resource(metrics.removeprefix(ROOT), self._options.node_ticks, read, places))
        if leaks := link_of(thermal, "LeakDetection"):
            yield None
            found((yield from find_leaks(self._client, leaks, self._leaks, self._options.node_ticks, None)))  # fmt: skip

    def _find_sensors(self, found: Found) -> None:
        mine = {m.name for m in CATALOGUE[Kind.NODE]}
        for name, path in self._options.sensors.items():
            if name in mine:
                place = Place(Kind.NODE, 0, name)

                def read(place: Place = place, path: str = path) -> Steps[Told]:
                    doc = yield from self._client.get(path, keep=True)
                    return Told({place: sensor(doc, Kind.NODE, place.name, 0.0)})

                found(Resource(path.removeprefix(ROOT), self._options.node_ticks, read, {place: "Reading"}))  # fmt: skip


def match(
    processors: Sequence[Doc], gpus: Sequence[GpuIdentity], modules: Mapping[str, str]
) -> dict[str, int]:
    """By the baseboard's name of a GPU our column.

    Parameters
    ----------
    processors
        The baseboard's GPUs.
    gpus
        Ours, by column.
    modules
        By the end of our id the baseboard's name, which stands above what UUID and serial number say.
    """
    known: dict[str, int] = {}
    named: dict[str, int] = {}
    for column, gpu in enumerate(gpus):
        name = modules.get(gpu.id.rpartition("/")[2])
        if name is not None:
            named[name] = column
        else:
            keys = (_plain(gpu.uuid), gpu.serial.strip())
            known |= dict.fromkeys(filter(None, keys), column)
    out: dict[str, int] = {}
    for processor in processors:
        name = id_of(processor)
        uuid, serial = (words(processor.get(k)) for k in ("UUID", "SerialNumber"))
        if name in named:
            out[name] = named[name]
        elif (mine := known.get(_plain(uuid), known.get(serial.strip()))) is not None:
            out[name] = mine
    return out


def air_inlet_c(doc: Doc) -> float:
    """Temperature of the air at the front, from ThermalMetrics: its intake, or else what it calls ambient."""
    summary = part(doc, "TemperatureSummaryCelsius")
    intake = reading(summary, "Intake")
    if intake == intake:  # noqa: PLR0124  not NaN
        return intake
    for excerpt in items(doc, "TemperatureReadingsCelsius"):
        if excerpt.get("PhysicalContext") == "Intake":
            return number(excerpt.get("Reading"))
    return reading(summary, "Ambient")


def _plain(uuid: str) -> str:
    """A UUID as both sides write it: the driver puts `GPU-` before it."""
    return uuid.strip().lower().removeprefix("gpu-")


def _text_number(value: object) -> float:
    """A report gives numbers as text."""
    if not isinstance(value, str):
        return number(value)
    try:
        return number(float(value))
    except ValueError:
        return NAN
