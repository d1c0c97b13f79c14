"""A CDU's Redfish service over whatever gives its values: the twin, a recording, a table.

The tree has the shape of OCP's Coolant Distribution Unit API 1.0, and DMTF's own client (redfish_utilities) reads it.
One server can stand for many controllers, each under a prefix of its own: `/cdu-17/redfish/v1/`.
"""

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.metric import CATALOGUE, Kind

Doc = dict[str, Any]
Values = Mapping[str, float]

ATMOSPHERE_KPA = 101.325
ROOT = "/redfish/v1"
UNIT = f"{ROOT}/ThermalEquipment/CDUs/1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
ENABLED = {"State": "Enabled", "Health": "OK"}
DETECTORS = ("Moisture rope", "Drip tray")

_CONNECTOR = (
    ("FlowLitersPerMinute", "flow_lpm"), ("SupplyTemperatureCelsius", "supply_c"),
    ("ReturnTemperatureCelsius", "return_c"), ("SupplyPressurekPa", "supply_kpa"),
    ("ReturnPressurekPa", "return_kpa"),
)  # fmt: skip


def values_of(column: NDArray[np.float64]) -> dict[str, float]:
    """What one CDU tells in a collector's samples: a column of `samples[Kind.CDU]`, without what is absent."""
    return {
        m.name: float(column[m.number])
        for m in CATALOGUE[Kind.CDU]
        if np.isfinite(column[m.number])
    }


def tree(values: Values, *, serial: str = "CDU-0001", expands: bool = False) -> dict[str, Doc]:
    """The documents of a CDU by path.

    Parameters
    ----------
    values
        By the catalogue's names; what is NaN stands as null, what is missing is left out.
    serial
        Of the unit.
    expands
        Whether the service says that it can expand collections.
    """
    docs = _service(expands)
    parts = ["PrimaryCoolantConnectors", "SecondaryCoolantConnectors", "Pumps", "Filters", "Reservoirs",
             "EnvironmentMetrics", *(["LeakDetection"] if "leak" in values else [])]  # fmt: skip
    docs[UNIT] = _doc(UNIT, "CoolingUnit.v1_1_2.CoolingUnit", "1", EquipmentType="CDU",
        Manufacturer="coldplate", Model="Twin 100", SerialNumber=serial, PartNumber="TW-100",
        FirmwareVersion="1.0.0", Version="A", CoolingCapacityWatts=100_000,
        Coolant={"CoolantType": "PropyleneGlycolAq", "SpecificHeatkJoulesPerKgK": 3.94, "DensityKgPerCubicMeter": 1015},
        **{part: _link(f"{UNIT}/{part}") for part in parts})  # fmt: skip
    for side, before in (("Secondary", ""), ("Primary", "facility_")):
        connector = _excerpts(values, [(theirs, before + ours) for theirs, ours in _CONNECTOR])
        if side == "Primary":
            connector |= _excerpts(values, [("ValvePositionPercent", "valve_ratio")], 100.0)
        else:
            connector |= _excerpts(values, [("HeatRemovedkW", "heat_w")], 1e-3)
        _collect(docs, f"{side}CoolantConnectors", "CoolantConnector.v1_3_0.CoolantConnector",
                 {"1": {"CoolantConnectorType": "Pair", **connector}})  # fmt: skip
    _collect(docs, "Pumps", "Pump.v1_2_0.Pump", {str(i): _pump(values, i) for i in (1, 2)})
    for i in (1, 2):
        path = f"{UNIT}/Pumps/{i}/EnvironmentMetrics"
        power = _excerpts(values, [("PowerWatts", f"pump{i}_w")])
        docs[path] = _doc(path, "EnvironmentMetrics.v1_3_0.EnvironmentMetrics", "EnvironmentMetrics", **power)  # fmt: skip
    dirt = _excerpts(values, [("DeltaLiquidPressurekPa", "filter_kpa_delta")])
    _collect(docs, "Filters", "Filter.v1_1_0.Filter", {"1": {"ServiceHours": 1000.0, **dirt}})
    level = _excerpts(values, [("FluidLevelPercent", "reservoir_ratio")], 100.0)
    _collect(docs, "Reservoirs", "Reservoir.v1_0_2.Reservoir",
             {"1": {"ReservoirType": "Reserve", "CapacityLiters": 20.0, "FluidLevelStatus": "OK", **level}})  # fmt: skip
    if "leak" in values:
        _leaks(docs, values["leak"])
    room = _excerpts(values, [("TemperatureCelsius", "room_c"), ("DewPointCelsius", "dew_point_c")])
    room |= _excerpts(values, [("HumidityPercent", "room_rh_ratio")], 100.0)
    path = f"{UNIT}/EnvironmentMetrics"
    docs[path] = _doc(path, "EnvironmentMetrics.v1_3_0.EnvironmentMetrics", "EnvironmentMetrics", **room)  # fmt: skip
    return docs


def _service(expands: bool) -> dict[str, Doc]:
    docs: dict[str, Doc] = {}
    docs[ROOT] = _doc(ROOT, "ServiceRoot.v1_17_0.ServiceRoot", "RootService", RedfishVersion="1.20.0",
        ThermalEquipment=_link(f"{ROOT}/ThermalEquipment"), SessionService=_link(f"{ROOT}/SessionService"),
        Links={"Sessions": _link(SESSIONS)}, ProtocolFeaturesSupported={
            "SelectQuery": False, "FilterQuery": False,
            "ExpandQuery": {"NoLinks": expands, "Levels": expands, "MaxLevels": 1, "Links": False, "ExpandAll": False}})  # fmt: skip
    path = f"{ROOT}/ThermalEquipment"
    docs[path] = _doc(path, "ThermalEquipment.v1_1_2.ThermalEquipment", "ThermalEquipment", CDUs=_link(f"{path}/CDUs"))  # fmt: skip
    docs[f"{path}/CDUs"] = _collection(f"{path}/CDUs", "CoolingUnitCollection", [UNIT])
    path = f"{ROOT}/SessionService"
    docs[path] = _doc(path, "SessionService.v1_1_9.SessionService", "SessionService", Sessions=_link(SESSIONS))  # fmt: skip
    return docs


def _doc(path: str, kind: str, name: str, **rest: object) -> Doc:
    return {"@odata.id": path, "@odata.type": f"#{kind}", "Id": name, "Name": name, "Status": ENABLED, **rest}  # fmt: skip


def _link(path: str) -> Doc:
    return {"@odata.id": path}


def _collection(path: str, kind: str, members: list[str]) -> Doc:
    return {
        "@odata.id": path, "@odata.type": f"#{kind}.{kind}", "Name": kind,
        "Members@odata.count": len(members), "Members": [_link(m) for m in members],
    }  # fmt: skip


def _collect(docs: dict[str, Doc], name: str, kind: str, members: Mapping[str, Doc]) -> None:
    path = f"{UNIT}/{name}"
    paths = [f"{path}/{member}" for member in members]
    docs[path] = _collection(path, kind.partition(".")[0] + "Collection", paths)
    docs |= {p: _doc(p, kind, i, **rest) for p, (i, rest) in zip(paths, members.items(), strict=True)}  # fmt: skip


def _excerpts(values: Values, names: list[tuple[str, str]], factor: float = 1.0) -> Doc:
    out: Doc = {}
    for theirs, ours in names:
        if ours in values:
            gauge = ATMOSPHERE_KPA if ours.endswith("_kpa") else 0.0
            out[theirs] = {"Reading": _null((values[ours] - gauge) * factor)}
    return out


def _null(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _pump(values: Values, number: int) -> Doc:
    out: Doc = {
        "PumpType": "Liquid",
        "ServiceHours": 1000.0,
        "EnvironmentMetrics": _link(f"{UNIT}/Pumps/{number}/EnvironmentMetrics"),
    }
    speed: Doc = _excerpts(values, [("PumpSpeedPercent", f"pump{number}_ratio")], 100.0)
    rpm = values.get(f"pump{number}_rpm")
    if rpm is not None:
        speed.setdefault("PumpSpeedPercent", {})["SpeedRPM"] = _null(rpm)
    return out | speed


def _leaks(docs: dict[str, Doc], wet: float) -> None:
    path = f"{UNIT}/LeakDetection"
    # The rope is what gets wet; the tray below it stays dry.
    states = (None if math.isnan(wet) else "Critical" if wet > 0 else "OK", "OK")
    detectors = [
        {"DataSourceUri": f"{path}/LeakDetectors/{i}", "DeviceName": name, "DetectorState": state}
        for i, (name, state) in enumerate(zip(DETECTORS, states, strict=True))
    ]
    docs[path] = _doc(
        path, "LeakDetection.v1_1_0.LeakDetection", "LeakDetection",
        LeakDetectors=_link(f"{path}/LeakDetectors"),
        LeakDetectorGroups=[{"GroupName": "In the unit", "Detectors": detectors}],
    )  # fmt: skip
    paths = [f"{path}/LeakDetectors/{i}" for i in range(len(DETECTORS))]
    docs[f"{path}/LeakDetectors"] = _collection(f"{path}/LeakDetectors", "LeakDetectorCollection", paths)  # fmt: skip
    for p, name, state in zip(paths, DETECTORS, states, strict=True):
        docs[p] = _doc(p, "LeakDetector.v1_5_0.LeakDetector", name, LeakDetectorType="Moisture", DetectorState=state)  # fmt: skip


class Service:
    """What stands behind one server: trees by prefix, logins, and a count of what is asked.

    Parameters
    ----------
    docs
        By prefix, what gives its documents at the moment.
    user, password
        Who may log in; without, everybody may read.
    before
        Called with the handler before a request is answered; True when it has answered itself.

    Notes
    -----
    `in_flight_max` is the most requests that were under way at once under any one prefix.
    """

    def __init__(
        self, docs: Mapping[str, Callable[[], dict[str, Doc]]], *, user: str = "", password: str = "",
        before: Callable[["Handler"], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self.docs, self.user, self.password, self.before = dict(docs), user, password, before
        self.tokens: dict[str, str] = {}
        self.asked: Counter[str] = Counter()
        self.in_flight_max = 0
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, prefix: str, path: str) -> None:
        """A request came."""
        with self._lock:
            self.asked[path] += 1
            self._in_flight[prefix] += 1
            self.in_flight_max = max(self.in_flight_max, self._in_flight[prefix])

    def end(self, prefix: str) -> None:
        """It was answered, or its connection is gone."""
        with self._lock:
            self._in_flight[prefix] -= 1


class Handler(BaseHTTPRequestHandler):
    """Answers one connection; `service` is set by `serve`."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet: in two, the second waits for the first one's delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    service: Service

    def do_GET(self) -> None:
        """A document."""
        self._count(self._get)

    def do_POST(self) -> None:
        """A login."""
        self._count(self._log_in)

    def do_DELETE(self) -> None:
        """The end of a session."""
        self._count(self._log_out)

    def answer(self, status: int, doc: object = None, headers: Mapping[str, str] | None = None) -> None:  # fmt: skip
        """Send a status and a document."""
        body = b"" if doc is None else json.dumps(doc).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("OData-Version", "4.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Prefix, path from `/redfish` on, and query."""
        parts = urlsplit(self.path)
        before, found, rest = parts.path.partition("/redfish")
        path = (found + rest).rstrip("/")
        return before, path, unquote(parts.query)

    def _count(self, act: Callable[[], None]) -> None:
        prefix, path, _ = self.place
        self.service.begin(prefix, path)
        try:
            if not self.service.before(self):
                act()
        finally:
            self.service.end(prefix)

    def _get(self) -> None:
        prefix, path, query = self.place
        service = self.service
        # The root is open to everybody, as the standard asks.
        token = self.headers.get("X-Auth-Token", "")
        if service.user and path not in ("/redfish", ROOT) and token not in service.tokens:
            return self.answer(401, _error("who asks?"))
        docs = service.docs[prefix]() if prefix in service.docs else {}
        doc: Doc | None = {"v1": f"{ROOT}/"} if path == "/redfish" else docs.get(path)
        if doc is None:
            return self.answer(404, _error("no such resource"))
        if query.startswith("$expand="):
            doc = doc | {"Members": [docs[m["@odata.id"]] for m in doc.get("Members", [])]}
        tag = f'"{hash(json.dumps(doc)) & 0xFFFFFFFF:08x}"'
        if self.headers.get("If-None-Match") == tag:
            return self.answer(304, headers={"ETag": tag})
        return self.answer(200, doc, {"ETag": tag})

    def _log_in(self) -> None:
        service = self.service
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.place[1] != SESSIONS:
            return self.answer(405, _error("nothing to post here"))
        if (body.get("UserName"), body.get("Password")) != (service.user, service.password):
            return self.answer(401, _error("wrong user or password"))
        number = str(service.asked[SESSIONS])
        token = f"token-{number}-{time.monotonic_ns()}"
        service.tokens[token] = number
        path = f"{SESSIONS}/{number}"
        session = _doc(path, "Session.v1_8_0.Session", number, UserName=service.user)
        return self.answer(201, session, {"X-Auth-Token": token, "Location": self.place[0] + path})

    def _log_out(self) -> None:
        number = self.place[1].rpartition("/")[2]
        tokens = self.service.tokens
        for token in [t for t, n in tokens.items() if n == number]:
            del tokens[token]
        self.answer(204)


def _error(message: str) -> Doc:
    return {"error": {"code": "Base.1.19.GeneralError", "message": message}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error."""


@contextmanager
def serve(service: Service, *, port: int = 0, wrap: Callable[[_Server], None] = lambda _: None) -> Iterator[str]:  # fmt: skip
    """Serve on the loop-back address while the context is open; gives the address without a scheme.

    Parameters
    ----------
    service
        What stands behind it.
    port
        0 for a free one.
    wrap
        Puts TLS around the server's socket.
    """
    handler = type("_Handler", (Handler,), {"service": service})
    server = _Server(("127.0.0.1", port), handler)
    wrap(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
