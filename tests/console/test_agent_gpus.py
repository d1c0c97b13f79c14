"""The agent on a machine with eight GPUs: real NVML calls, onto a stand-in for the driver's library."""

import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import await_that

from coldplate.agents.follow import Follower
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.agenting import Agent
from coldplate.console.context import Context
from coldplate.console.crew import hiring
from coldplate.twin.nvml.install import beneath_pynvml
from coldplate.twin.nvml.library import Library
from coldplate.wire.codec import decode
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.e2e

H200 = Path(__file__).parents[1] / "recordings" / "h200"
NODE = "rack-0003/node-5"


class Machine:
    """An agent that runs in this process, its driver, and what Kafka got of it."""

    def __init__(self, agent, port, library, follower, topics):
        self.agent, self.port, self.library = agent, port, library
        self._follower, self._topics, self._seen = follower, topics, []

    def get(self, path):
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def samples(self, name):
        families = text_string_to_metric_families(self.get("/metrics")[1])
        found = [s for f in families for s in f.samples if s.name in (name, f"{name}_total")]
        return {s.labels.get("gpu", ""): s for s in found}

    def ticks(self):
        return self.agent.counts().get("ticks", 0)

    def until(self, condition, what, within_s=20):
        return await_that(condition, within_s, what)

    def events(self):
        self._seen += self._follower.poll(0.1)
        return [decode(Event, s.value) for s in self._seen if s.topic == self._topics.events]

    def frames(self):
        self._seen += self._follower.poll(0.1)
        return [decode_frame(s.value) for s in self._seen if s.topic == self._topics.frames]


@pytest.fixture
def machine(tmp_path, kafka_bootstrap, monkeypatch):
    """Play a scene beside a running agent: its signals need the main thread, so the scene has the other."""
    for name in ("COLDPLATE_CONFIG", "COLDPLATE_KAFKA"):
        monkeypatch.delenv(name, raising=False)
    prefix = f"t{uuid4().hex[:8]}"
    topics, settings = Topics(prefix), KafkaSettings(brokers=kafka_bootstrap)
    create_topics(settings, topics.specs(2))
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "coldplate.toml"
    config.write_text(
        f'topic_prefix = "{prefix}"\n[kafka]\nbrokers = "{kafka_bootstrap}"\n'
        f'[agent]\ntick_ms = 250\nticks = 2\nnode = "{NODE}"\nstate_dir = "{tmp_path / "state"}"\n'
        f"[agent.local]\nport = {port}\nunseen_ticks = 2\n[agent.kmsg]\non = false\n"
        '[agent.jobs]\npod_socket = ""\nslurm = false\n'
    )

    def play(scene, library=None):
        library = library or Library(H200)
        failed = []
        with (
            beneath_pynvml(library),
            closing(Follower(settings, [topics.frames, topics.events])) as follower,
        ):
            agent = Agent(Context(str(config)), hiring(None, None, None), boot=1)

            def beside():
                try:
                    scene(Machine(agent, port, library, follower, topics))
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  raised again below
                    failed.append(error)
                finally:
                    agent.turn.stop()

            thread = threading.Thread(target=beside)
            thread.start()
            agent.run()
            thread.join()
        if failed:
            raise failed[0]

    return play


def test_eight_gpus_are_sampled_and_shown(machine):
    """Frames of eight GPUs and their node; each on /metrics with what names it."""

    def scene(m):
        m.until(lambda: len(m.samples("DCGM_FI_DEV_POWER_USAGE")) == 8, "eight GPUs")
        m.until(lambda: m.samples("DCGM_FI_DEV_SM_CLOCK")["7"].labels["UUID"], "their facts")
        labels = m.samples("DCGM_FI_DEV_SM_CLOCK")["3"].labels
        assert ("nvidia3", "NVIDIA H200") == (labels["device"], labels["modelName"])
        assert labels["UUID"].startswith("GPU-")
        assert labels["pci_bus_id"].startswith("0000")
        assert (200, []) == (m.get("/healthz")[0], json.loads(m.get("/healthz")[1])["problems"])
        kinds = {p.kind: len(p.devices) for p in m.until(m.frames, "a frame")[-1].parts}
        assert (8, 1) == (kinds[Kind.GPU], kinds[Kind.NODE])

    machine(scene)


def test_an_xid_does_not_wait_for_the_tick(machine):
    """It is in Kafka at once, once, and on /metrics."""

    def scene(m):
        m.until(lambda: m.library.listening(2), "the agent to listen")
        m.until(lambda: m.ticks() > 2, "ticks")
        m.library.happen(2, 0x8, 79)
        (xid,) = m.until(lambda: [e for e in m.events() if e.kind == "xid"], "the XID")
        assert (f"{NODE}/gpu-2", 79, NODE) == (xid.subject, xid.code, xid.source)
        assert 79 == m.samples("DCGM_FI_DEV_XID_ERRORS")["2"].value
        before = m.ticks()
        m.until(lambda: m.ticks() > before + 4, "some ticks")
        events = m.events()
        assert 1 == len([e for e in events if e.kind == "xid"])
        assert len(events) == len({e.id for e in events})

    machine(scene)


def test_a_gpu_that_falls_off_the_bus_turns_the_node_red(machine):
    """It is named, shows nothing, and the seven others go on."""

    def scene(m):
        m.until(lambda: len(m.samples("DCGM_FI_DEV_POWER_USAGE")) == 8, "eight GPUs")
        m.library.lose(5)
        m.until(lambda: m.get("/healthz")[0] == 503, "a red light")
        (problem,) = json.loads(m.get("/healthz")[1])["problems"]
        assert problem.startswith(f"{NODE}/gpu-5 has not answered")
        assert {*"0123467"} == m.samples("DCGM_FI_DEV_POWER_USAGE").keys()
        assert "5" not in m.samples("DCGM_FI_DEV_PCIE_LINK_GEN")
        m.until(lambda: "gpu_lost" in [e.kind for e in m.events()], "the event")

    machine(scene)


def test_a_driver_that_is_loaded_later_joins(machine):
    """Until then the node is sampled without GPUs; the frames go on under the same boot."""
    library = Library(H200)
    library.unload()

    def scene(m):
        m.until(lambda: m.ticks() > 3, "ticks without a driver")
        assert "not loaded" in json.loads(m.get("/healthz")[1])["missing"]["nvml"]
        m.library.load()
        m.until(lambda: len(m.samples("DCGM_FI_DEV_POWER_USAGE")) == 8, "the GPUs", 30)
        m.until(lambda: any(len(f.parts) > 1 for f in m.frames()), "their frames")
        heads = [f.head for f in m.frames() if f.head.source == NODE]
        assert [*range(len(heads))] == sorted(h.seq for h in heads)

    machine(scene, library)
