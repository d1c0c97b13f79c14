"""Redfish services for tests: the mock with faults in front of it, certificates, and a clock that can be set on."""

import select
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest

from coldplate.agents.collectors.redfish_cdu import RedfishCduCollector
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.steps import run
from coldplate.twin.redfish_mock import Service, serve, tree
from coldplate.wire.metric import CATALOGUE, Kind

CDU, RACK = "rack-0003/cdu", "rack-0003"
USER, PASSWORD = "reader", "s3cret-0f-the-cdu"
UNIT = "/redfish/v1/ThermalEquipment/CDUs/1"
SECONDARY = f"{UNIT}/SecondaryCoolantConnectors/1"

VALUES = {
    "flow_lpm": 90.0, "supply_c": 30.0, "return_c": 42.0, "supply_kpa": 320.0, "return_kpa": 210.0, "heat_w": 65000.0,
    "pump1_rpm": 2900.0, "pump2_rpm": 0.0, "pump1_ratio": 0.7, "pump2_ratio": 0.0, "pump1_w": 800.0, "pump2_w": 0.0,
    "filter_kpa_delta": 12.5, "valve_ratio": 0.45, "reservoir_ratio": 0.8, "leak": 0.0, "room_c": 24.0,
    "room_rh_ratio": 0.5, "dew_point_c": 12.9, "facility_supply_c": 24.0, "facility_return_c": 36.0,
    "facility_flow_lpm": 80.0, "facility_supply_kpa": 400.0, "facility_return_kpa": 350.0,
}  # fmt: skip
"""Everything that a standard CDU tells."""


class Clock:
    """Monotonic seconds that a test may set on."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead_s


class Cdu:
    """A collector on a mock of its own.

    `patch` changes the mock's documents by path: an object is merged in, None takes the document away.
    `before` runs in front of each request, and may answer it itself.
    """

    def __init__(self, address, service, folder, **options):
        self.address, self.service, self.clock = address, service, Clock()
        password = folder / "password"
        password.write_text(f"{PASSWORD}\n")
        given = {"user": USER, "password_file": str(password), "budget_s": 5.0, **options}
        scheme = options.pop("scheme", "http")
        given.pop("scheme", None)
        unit = given.pop("unit", "")
        self.collector = RedfishCduCollector(
            CDU, RACK, f"{scheme}://{address}", Redfish(**given), unit=unit, clock=self.clock
        )
        self.ticks = 0

    def tick(self, step=1):
        """The metrics of one tick that are there, by name."""
        self.ticks += step
        column = self.collector.sample(1000 * self.ticks)[Kind.CDU][:, 0]
        return {
            m.name: float(v)
            for m, v in zip(CATALOGUE[Kind.CDU], column, strict=True)
            if np.isfinite(v)
        }

    def run(self, count, step_s=1.0):
        """Several ticks, the clock set on between them; all that they told."""
        out = {}
        for _ in range(count):
            out |= self.tick()
            self.clock.ahead_s += step_s
        return out

    @property
    def health(self):
        return self.collector.health()[0]


@contextmanager
def cdu(folder, *, values=VALUES, patch=None, before=lambda _: False, expands=False, wrap=None, hangs=False, **options):  # fmt: skip
    """A CDU read over a mock; no two requests were ever under way at once.

    `hangs` says that requests are given up: a mock takes a moment to see that its client is gone.
    """
    state = {"values": dict(values), "patch": patch or {}}

    def docs():
        made = tree(state["values"], expands=expands)
        for path, change in state["patch"].items():
            if change is None:
                made.pop(path, None)
            else:
                made[path] = {**made.get(path, {}), **change}
        return made

    service = Service({"": docs}, user=USER, password=PASSWORD, before=before)
    with serve(service, wrap=wrap or (lambda _: None)) as address:
        made = Cdu(address, service, folder, **options)
        made.values, made.patch = state["values"], state["patch"]
        try:
            yield made
        finally:
            made.collector.close()
    assert hangs or service.in_flight_max <= 1


def gone(handler, within_s=10.0):
    """Wait until the client of a request has closed its connection."""
    select.select([handler.connection], [], [], within_s)
    return True


def raw(handler, data):
    """Send bytes as they are, and close."""
    handler.close_connection = True
    handler.wfile.write(data)
    return True


def reset(handler):
    """Break the connection so that the client gets a reset."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    return True


@contextmanager
def client(tmp_path, before=lambda _: False, patch=None, wrap=None, **options):
    """A client on a mock; `patch` as in `services.cdu`."""

    def docs():
        made = tree(VALUES, expands=options.get("expands", False))
        return {p: {**d, **(patch or {}).get(p, {})} for p, d in made.items()} | {
            p: d for p, d in (patch or {}).items() if p not in made
        }

    service = Service({"": docs}, user=USER, password=PASSWORD, before=before)
    (tmp_path / "password").write_text(PASSWORD)
    given = {"user": USER, "password_file": str(tmp_path / "password"), "timeout_s": 2.0, **options}
    scheme = given.pop("scheme", "http")
    given.pop("expands", None)
    with serve(service, wrap=wrap or (lambda _: None)) as address:
        clock = Clock()
        made = Client(Reach.of(f"{scheme}://{address}", Redfish(**given)), clock=clock)
        made.service, made.clock = service, clock
        try:
            yield made
        finally:
            made.drop()


def get(made, path=SECONDARY, **how):
    return run(made.get(path, **how), 10.0, made.clock)


def members(made, path):
    return run(made.members(path), 10.0, made.clock)


def refused(made, path=SECONDARY):
    """The error of a reading, which names the address and never the password or a token."""
    with pytest.raises(RedfishError) as caught:
        get(made, path)
    text = str(caught.value)
    assert text.startswith(made.reach.url)
    assert PASSWORD not in text
    assert not any(token in text for token in made.service.tokens)
    return caught.value


class Certificates:
    """A certificate authority of one test run, made with openssl."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test authority", "-days", "2",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip

    def server(self, name, subject="IP:127.0.0.1", *, expired=False, signed=True):
        """What wraps a server's socket in TLS with a certificate of that name."""
        self._run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                  "-subj", f"/CN={name}")  # fmt: skip
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial") if signed else ("-signkey", f"{name}.key")  # fmt: skip
        # A certificate of no days has run out when it is made.
        days = "0" if expired else "2"
        self._run("x509", "-req", "-in", f"{name}.csr", *by, "-days", days, "-extfile", f"{name}.ext",
                  "-out", f"{name}.pem")  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")

        def wrap(server):
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )

        return wrap

    def _run(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
