"""What reading many CDUs costs one process: 100 of them at one tick a second, their services in another process."""

import subprocess
import sys
import threading
import time

import pytest
from agents.redfish.services import VALUES
from waiting import await_that

from coldplate.agents.collectors.redfish_cdu import RedfishCduCollector
from coldplate.agents.options.redfish import Redfish
from coldplate.wire.metric import Kind, metric

CDUS = 100

SERVICES = """
import sys
from coldplate.twin.redfish_mock import Service, serve, tree
docs = tree({values!r})
with serve(Service({{f"/cdu-{{i}}": lambda: docs for i in range({count})}})) as address:
    print(address, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def address():
    """Where the services of all CDUs are."""
    program = SERVICES.format(values=VALUES, count=CDUS)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(10)


def test_a_hundred_cdus_take_a_small_share_of_a_core(address):
    """Printed: processor time a CDU and second, with a thread each. 300 must stay well below one core."""
    options = Redfish(budget_s=0.9)
    made = [
        RedfishCduCollector(f"rack-{i:04d}/cdu", f"rack-{i:04d}", f"http://{address}/cdu-{i}", options)
        for i in range(CDUS)
    ]  # fmt: skip
    flow = metric(Kind.CDU, "flow_lpm").number
    seconds, told = 4, [0] * CDUS

    def read(i, first):
        for t in range(first, first + seconds):
            began_s = time.monotonic()
            told[i] += made[i].sample(1000 * t)[Kind.CDU][flow, 0] == 90.0
            time.sleep(max(0.0, began_s + 1.0 - time.monotonic()))

    def all_read(first):
        threads = [threading.Thread(target=read, args=(i, first)) for i in range(CDUS)]
        began_s = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.process_time() - began_s

    try:
        all_read(0)
        await_that(lambda: all(told), 1.0, "a value of every CDU")
        told[:] = [0] * CDUS
        used_s = all_read(seconds)
    finally:
        for one in made:
            one.close()
    ratio = used_s / seconds / CDUS
    us = 1e6 * ratio
    print(f"{us:.0f} us a CDU and second; 300 CDUs: {300 * ratio:.2f} of a core")  # noqa: T201  the figure is the point
    assert sum(told) >= 0.9 * seconds * CDUS
    assert 300 * ratio < 0.8
