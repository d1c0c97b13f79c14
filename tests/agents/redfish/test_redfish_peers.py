"""Against what others wrote: simhall's nodes are read, and DMTF's own client reads our mock of a CDU.

Neither is a dependency; both need a Python of 3.12 or later, and are looked for in the cache folder or where
`COLDPLATE_SIMHALL` and `COLDPLATE_RF_THERMAL` say.
"""

import os
import signal
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from agents.redfish.services import PASSWORD, USER, VALUES
from waiting import await_that

from coldplate.agents.collectors.redfish_hgx import RedfishHgxCollector
from coldplate.agents.options.redfish import Redfish
from coldplate.twin.redfish_mock import Service, serve, tree
from coldplate.wire.metric import Kind, metric

PEERS = Path(os.environ.get("COLDPLATE_CACHE") or Path.home() / ".cache" / "coldplate") / "peers"
SIMHALL = Path(os.environ.get("COLDPLATE_SIMHALL", PEERS / "simhall" / "bin" / "simhall"))
RF_THERMAL = Path(
    os.environ.get("COLDPLATE_RF_THERMAL", PEERS / "redfish" / "bin" / "rf_thermal_equipment.py")
)

pytestmark = pytest.mark.peers


def needs(path, what):
    if not path.exists():
        pytest.skip(f"{what} is not installed at {path}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def simhall():
    """Simhall's hall; gives its address."""
    needs(SIMHALL, "simhall")
    url = f"http://127.0.0.1:{free_port()}"
    with subprocess.Popen(
        [SIMHALL, "serve", "--port", url.rpartition(":")[2], "--log-level", "error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            await_that(lambda: answers(f"{url}/dev/node1/redfish/v1"), 30.0, "simhall")
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:
            return answer.status == 200
    except OSError:
        return False


def inject(url, body):
    request = urllib.request.Request(
        f"{url}/sim/faults", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5.0) as answer:
        assert answer.status in (200, 201)


def test_a_node_of_simhall_is_read_and_its_leak_told():
    """Its air and its identity; a coolant leak that is injected is told with the next reading, once a detector."""
    with simhall() as url:
        options = Redfish(url=f"{url}/dev/node1", budget_s=5.0, node_ticks=1)
        collector = RedfishHgxCollector("rack-0000/node-1", "rack-0000", (), options)
        try:
            values = collector.sample(1000)[Kind.NODE][:, 0]
            assert 10.0 < values[metric(Kind.NODE, "air_inlet_c").number] < 45.0
            (facts,) = collector.happenings()
            assert "facts" == facts.kind
            assert facts.data["serial"]
            inject(url, '{"kind": "coolant_leak", "node": "node1"}')
            collector.sample(2000)
            leaks = collector.happenings()
            assert ["leak", "leak"] == [h.kind for h in leaks]
            assert {"Tray leak detector: Critical", "Manifold leak detector: Critical"} == {
                h.text for h in leaks
            }
            collector.sample(3000)
            assert [] == collector.happenings()
            assert collector.health()[0].ok
        finally:
            collector.close()


def test_a_node_of_simhall_that_fails_is_lost_and_back():
    """Its controller answers 500 to everything: no value, and the source is told lost."""
    with simhall() as url:
        options = Redfish(url=f"{url}/dev/node2", budget_s=5.0, node_ticks=1)
        collector = RedfishHgxCollector("rack-0000/node-2", "rack-0000", (), options)
        try:
            collector.sample(1000)
            collector.happenings()
            inject(url, '{"kind": "unreachable_node", "node": "node2", "mode": "http_500", "scope": "redfish"}')  # fmt: skip
            for t in range(2, 14):
                assert not (collector.sample(1000 * t)[Kind.NODE] > 0).any()
            assert ["source_lost"] == [h.kind for h in collector.happenings()]
            assert "HTTP 5" in collector.health()[0].text
        finally:
            collector.close()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list"], ["CDUs", "Twin 100", "CDU-0001"]),
        (["status", "--type", "CDU"], ["CoolingCapacityWatts: 100000", "24.0 C"]),
        (["primaryinfo", "--type", "CDU"], ["80.0", "36.0"]),
        (["secondaryinfo", "--type", "CDU"], ["90.0", "218.675", "42.0"]),
        (["pumpinfo", "--type", "CDU", "--pump", "1"], ["Liquid", "70.0"]),
        (["filterinfo", "--type", "CDU"], ["1000.0"]),
        (["reservoirinfo", "--type", "CDU"], ["Reserve", "80.0 %"]),
        (["leakdetectors", "--type", "CDU"], ["Moisture rope", "Critical", "Drip tray", "OK"]),
    ],
    ids=lambda w: w[0] if isinstance(w, list) else "",
)
def test_dmtfs_client_reads_the_mock(words, expected):
    """So the shapes that we read are those of the standard, not of our own making."""
    needs(RF_THERMAL, "DMTF's redfish_utilities")
    service = Service(
        {"": lambda: tree(VALUES | {"leak": 1.0})}, user=USER, password=PASSWORD
    )  # fmt: skip
    with serve(service) as address:
        command = [RF_THERMAL.parent / "python", RF_THERMAL, "-u", USER, "-p", PASSWORD, "-r", f"http://{address}"]  # fmt: skip
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False
        )
    assert 0 == done.returncode, done.stdout + done.stderr
    for text in expected:
        assert text in done.stdout, done.stdout
