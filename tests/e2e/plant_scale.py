"""What one plant agent costs: `cd tests && python -m e2e.plant_scale [CDUS [SECONDS]]`, with a real Kafka; prints JSON.

The devices are the twin's: what their protocol costs comes on top (tests/agents/redfish/test_redfish_cost.py), and what the
model costs is taken off.
"""

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import quantiles

from coldplate.agents.options.modbus import Modbus
from coldplate.agents.options.plant import Plant
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.options.spool import Spool
from coldplate.agents.plant.building import gather_devices
from coldplate.agents.plant.devices import TwinDevice
from coldplate.agents.plant.plant import Frames, PlantAgent, run_plant
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.spool.disk import SpooledQueue
from coldplate.agents.topics import create_topics
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.twin.cdus import TwinCdus
from coldplate.wire.topic import Topics

WARM_UP_S = 10.0


class Charged:
    """The twin's CDUs, and the processor time that their model took."""

    def __init__(self, devices):
        self._inner, self.model_s = TwinCdus(devices), 0.0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def sample(self, tick_ms):
        began_s = time.thread_time()
        try:
            return self._inner.sample(tick_ms)
        finally:
            self.model_s += time.thread_time() - began_s


class Late:
    """A collector that notes how long after its tick each sample was asked for."""

    def __init__(self, inner, late_ms):
        self._inner, self._late_ms = inner, late_ms

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def sample(self, tick_ms):
        self._late_ms.append(1000 * time.time() - tick_ms)
        return self._inner.sample(tick_ms)


def measure(cdus, seconds, brokers, folder):
    """CPU of this process in ratio of one core, and the ticks' jitter."""
    settings, topics, late_ms, charged = KafkaSettings(brokers), Topics("scale"), [], []
    create_topics(settings, topics.specs())

    def twin(devices):
        charged.append(Charged(devices))
        return charged[0]

    devices = [TwinDevice(id=f"rack-{i:04}/cdu") for i in range(cdus)]
    waiting = SpooledQueue(folder / "spool", Spool(), first_topics=(topics.events,))
    agent = PlantAgent(
        Plant(), Frames("coldplate"),
        gather_devices(devices, Redfish(), Modbus(), deadline_s=0.5, twin=twin),
        lambda gate: KafkaPublisher(settings, waiting=waiting, gate=gate), settings, topics, folder,
        watch=lambda inner: Late(inner, late_ms),
    )  # fmt: skip
    stop = threading.Event()
    runs = threading.Thread(target=run_plant, args=(agent, stop))
    runs.start()
    time.sleep(WARM_UP_S)
    late_ms.clear()
    cpu_s, model_s = time.process_time(), charged[0].model_s
    time.sleep(seconds)
    cpu_s, model_s = time.process_time() - cpu_s, charged[0].model_s - model_s
    counts, ticks_ms = agent.counts(), list(late_ms)
    stop.set()
    runs.join()
    return {
        "cdus": cdus, "seconds": seconds, "role_state": counts["role_state"],
        "cpu_ratio": round((cpu_s - model_s) / seconds, 4),
        "twin_ratio": round(model_s / seconds, 4),
        "tick_jitter_p99_ms": round(quantiles(ticks_ms, n=100)[-1], 2),
        "ticks": len(ticks_ms), "missed_ticks": counts["missed_ticks"],
        "records_acknowledged": counts["records_acknowledged"],
    }  # fmt: skip


def main(cdus="300", seconds="60"):
    with tempfile.TemporaryDirectory(prefix="coldplate-scale-") as name:
        state = StateDir(Path(name) / "state")
        parts, endpoints = local_servers(state, Cache.default(), clickhouse=False)
        with Supervisor(state, parts) as stack:
            stack.wait_healthy(60)
            found = measure(int(cdus), float(seconds), endpoints.kafka, Path(name) / "agent")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
