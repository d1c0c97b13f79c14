"""`coldplate agent` as a process: what it prints, records, publishes, and how it takes a new configuration."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import await_that

from coldplate.agents.follow import Follower
from coldplate.agents.settings import KafkaSettings
from coldplate.console.running import read_stats
from coldplate.wire.codec import decode
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.topic import Topics

H200 = Path(__file__).parents[1] / "recordings" / "h200"


def told(ran):
    assert 0 == ran.returncode, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


def test_once_prints_every_metric_of_every_device(run):
    """With value, unit, source, and why it is absent where it is."""
    found = told(run("agent", "--once", "--json", "--recording", H200, "--node", "r/n"))
    (gpu,) = (d for d in found["devices"] if d["kind"] == "gpu")
    assert ("r/n/gpu-0", [m.name for m in CATALOGUE[Kind.GPU]]) == (gpu["id"], [*gpu["metrics"]])
    power = gpu["metrics"]["power_w"]
    assert ("W", True, "") == (power["unit"], power["value"] > 50, power["absent"])
    used = gpu["metrics"]["mem_used_bytes"]
    assert (None, True) == (used["value"], bool(used["absent"]))
    assert {"value", "unit", "source", "cost_us", "absent"} == power.keys()


def test_once_is_a_table_for_people(run):
    """Absent is a dash and a reason, never a 0."""
    ran = run("agent", "--once", "--recording", H200)
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["gpu", "rack-0000/node-0/gpu-0"] == rows[0]
    assert ["mem_used_bytes", "-", "B"] == next(r[:3] for r in rows if r[:1] == ["mem_used_bytes"])
    assert "margin_c" in ran.stdout


def test_once_on_this_machine_says_what_is_missing(run):
    """A machine without a GPU still has itself; who could not be read stands with its reason."""
    found = told(run("agent", "--once", "--json", "--node", "r/n"))
    assert "node" in [d["kind"] for d in found["devices"]]
    assert [] == [c for c in found["collectors"] if not c["ok"] and not c["text"]]


def test_a_recording_that_it_makes_is_one_that_it_replays(run, tmp_path):
    """Row by row the same values."""
    made = run("agent", "--record", tmp_path / "rec", "--seconds", 1, "--recording", H200)
    assert 0 == made.returncode, made.stderr
    with (tmp_path / "rec" / "trace-10hz.csv").open(newline="") as file:
        assert 5 < len(list(csv.DictReader(file))) <= 10
    found = told(run("agent", "--once", "--json", "--recording", tmp_path / "rec"))
    assert 700.0 == found["devices"][0]["metrics"]["power_limit_w"]["value"]
    again = run("agent", "--record", tmp_path / "rec", "--seconds", 1, "--recording", H200)
    assert (2, 1) == (again.returncode, len(again.stderr.splitlines()))


@pytest.mark.parametrize(
    ("words", "environ", "hint"),
    [
        (["--once", "--record", "x"], {}, "exclude"),
        (["--role", "plant", "--once"], {}, "--role node"),
        (["--once"], {"COLDPLATE_AGENT__TICK_MS": "50"}, "$.agent.tick_ms"),
        (["--once"], {"COLDPLATE_AGENT__LOCAL__PORT": "70000"}, "$.agent.local.port"),
        (["--once"], {"COLDPLATE_INVENTORY": "nowhere.csv"}, "nowhere.csv"),
        ([], {}, "COLDPLATE_KAFKA"),
        (["--role", "plant"], {}, "agent.plant.devices"),
        (["--role", "plant"], {"COLDPLATE_AGENT__PLANT__DEVICES": "none.toml"}, "none.toml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(run, words, environ, hint):
    """One line or click's usage, and an exit code that is not 0."""
    ran = run("agent", *words, **environ)
    assert ran.returncode in (2, 3)
    assert hint in ran.stderr
    assert "Traceback" not in ran.stderr


class Process:
    """A running agent with its configuration, counts, ledger and local server."""

    def __init__(self, folder, environ, *words):
        self.folder, self.port = folder, free_port()
        self.config = folder / "coldplate.toml"
        env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listening.bind(str(folder / "notify"))
        self.listening.settimeout(20)
        self.env = {
            **env, **environ, "COLDPLATE_CONFIG": str(self.config), "NOTIFY_SOCKET": str(folder / "notify"),
            "COLDPLATE_AGENT__STATE_DIR": str(folder / "state"),
        }  # fmt: skip
        self.words = [
            sys.executable, "-m", "coldplate.console", "agent",
            "--stats", str(folder / "stats.json"), "--ledger", str(folder / "ledger"), *map(str, words),
        ]  # fmt: skip

    def configure(self, text):
        self.config.write_text(f"{text}\n[agent.local]\nport = {self.port}\n", "utf-8")

    def start(self):
        with (self.folder / "log").open("a") as log:
            self.child = subprocess.Popen(self.words, env=self.env, stderr=log, stdout=log)
        assert "READY=1" in self.heard()

    def heard(self):
        return self.listening.recv(4096).decode()

    def log(self):
        return (self.folder / "log").read_text()

    def ticks(self):
        return read_stats(self.folder / "stats.json").get("ticks", 0)

    def until_ticks(self, count):
        return await_that(lambda: self.ticks() >= count and self.ticks(), 30, f"{count} ticks")

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def reload(self, text):
        self.configure(text)
        self.child.send_signal(signal.SIGHUP)
        assert "RELOADING=1" in self.heard()
        assert "READY=1" in self.heard()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)

    def ledger(self, kind):
        lines = (self.folder / "ledger").read_text().splitlines()
        return [line.split("\t")[1:] for line in lines if line.startswith(kind)]


@pytest.fixture
def kafka(run, kafka_bootstrap):
    """Environment and topics of a test of its own, and what comes from now on."""
    environ = {"COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_TOPIC_PREFIX": f"t{uuid4().hex[:8]}"}
    assert 0 == run("topics", "create", "--partitions", 2, **environ).returncode
    topics = Topics(environ["COLDPLATE_TOPIC_PREFIX"])
    with closing(
        Follower(KafkaSettings(brokers=kafka_bootstrap), [topics.frames, topics.events])
    ) as follower:
        seen = []

        def records(topic, count):
            def enough():
                seen.extend(follower.poll(0.2))
                return len(mine()) >= count

            def mine():
                return [s.value for s in seen if s.topic == getattr(topics, topic)]

            await_that(enough, 30, f"{count} {topic}")
            return mine()

        yield environ, records


@pytest.fixture
def agent(tmp_path, kafka):
    """Start an agent on the real Kafka with a configuration; it is stopped at the end."""
    environ, _ = kafka

    @contextmanager
    def started(text, *words, **more):
        process = Process(tmp_path, {**environ, **more}, *words)
        process.configure(text)
        process.start()
        try:
            yield process
        finally:
            process.stop()
            process.listening.close()

    return started


DEVICE = """
[[device]]
kind = "redfish"
id = "{cdu}"
address = "https://127.0.0.1:9"
"""

FAST = "[agent]\ntick_ms = 200\nticks = 2\n"


@pytest.mark.e2e
def test_an_agent_samples_publishes_and_tells_of_itself(agent, kafka):
    """Frames reach Kafka, /metrics shows the last tick, health is green, SIGTERM ends it well."""
    with agent(FAST, "--recording", H200, "--node", "rack-0001/node-0") as process:
        process.until_ticks(10)
        status, text = process.get("/metrics")
        names = {f.name for f in text_string_to_metric_families(text)}
        assert 200 == status
        assert {"DCGM_FI_DEV_POWER_USAGE", "coldplate_power_max_w", "coldplate_loop_ticks"} <= names
        assert [200, 200, 404] == [process.get(p)[0] for p in ("/healthz", "/readyz", "/")]
        assert 0 == process.stop(), process.log()
        assert "STOPPING=1" == process.heard()
    sent = {tuple(map(int, row[1:3])) for row in process.ledger("frame")}
    frames = [decode_frame(value).head for value in kafka[1]("frames", len(sent))]
    assert sent == {(head.boot, head.seq) for head in frames}
    assert {"rack-0001"} == {head.rack for head in frames}


@pytest.mark.e2e
def test_a_new_configuration_is_taken_between_two_ticks(agent, kafka):
    """No number is used twice, and no tick is lost but those for which the agent says that it came too late."""
    with agent(FAST, "--recording", H200) as process:
        process.until_ticks(6)
        process.reload("[agent]\ntick_ms = 200\nticks = 5\n")
        process.until_ticks(process.ticks() + 12)
        assert 0 == process.stop(), process.log()
        late = read_stats(process.folder / "stats.json")["missed_ticks"]
    heads = [decode_frame(v).head for v in kafka[1]("frames", len(process.ledger("frame")))]
    heads.sort(key=lambda head: head.seq)
    assert [*range(len(heads))] == [head.seq for head in heads]
    assert 1 == len({head.boot for head in heads})
    assert late >= sum(b.tick - a.tick - a.ticks for a, b in pairwise(heads)), process.log()
    assert {2, 5} <= {head.ticks for head in heads}


@pytest.mark.e2e
def test_a_wrong_configuration_changes_nothing(agent):
    """It is logged with its place, and the old one goes on."""
    with agent(FAST, "--recording", H200) as process:
        process.until_ticks(3)
        process.reload("[agent]\ntick_ms = 'often'\n")
        process.until_ticks(process.ticks() + 5)
        assert "$.agent.tick_ms" in process.log()
        assert 200 == process.get("/healthz")[0]
        assert 0 == process.stop(), process.log()


@pytest.mark.e2e
def test_the_local_server_moves_with_the_configuration(agent):
    """Another port from one reload to the next; a port that is taken stops nothing."""
    with agent(FAST, "--recording", H200) as process:
        process.until_ticks(2)
        before, process.port = process.port, free_port()
        process.reload(FAST)
        await_that(lambda: process.get("/readyz")[0] == 200, 10, "the new port")
        with closing(socket.create_server(("127.0.0.1", before))):
            process.port = before
            process.reload(FAST)
            process.until_ticks(process.ticks() + 2)
            assert f"port {before} cannot be had" in process.log()
        assert 0 == process.stop(), process.log()


@pytest.mark.e2e
def test_an_agent_without_any_option_runs_on_this_machine(agent, kafka):
    """No GPU, no BMC: it says who is missing and samples what there is."""
    with agent(FAST, "--node", "rack-0002/node-1") as process:
        process.until_ticks(5)
        answer = json.loads(process.get("/healthz")[1])
        assert "rack-0002/node-1" == answer["node"]
        text = process.get("/metrics")[1]
        assert 'coldplate_dropped_frames_total{id="rack-0002/node-1"' in text
        assert 0 == process.stop(), process.log()
    assert "rack-0002/node-1" == decode_frame(kafka[1]("frames", 1)[0]).head.source


@pytest.mark.e2e
def test_its_events_reach_kafka_with_numbers_of_their_own(agent, kafka):
    """Whatever this machine tells at its start; each number once."""
    with agent(FAST) as process:
        process.until_ticks(3)
        assert 0 == process.stop(), process.log()
    ids = [row[0] for row in process.ledger("event")]
    events = [decode(Event, value) for value in kafka[1]("events", len(ids))] if ids else []
    assert set(ids) == {event.id for event in events}


PLANT = """
[agent]
role = "plant"
tick_ms = 200
ticks = 2
[agent.plant]
id = "row-1"
devices = "{folder}/plant.toml"
"""


@pytest.mark.e2e
def test_a_plants_agent_leads_ticks_and_hands_over(agent, tmp_path):
    """Its CDU does not answer, which is no reason not to tick; its role is told; SIGHUP takes another list."""
    (tmp_path / "plant.toml").write_text(DEVICE.format(cdu="rack-0001/cdu"))
    text = PLANT.format(folder=tmp_path)
    with agent(text) as process:
        role = lambda: read_stats(tmp_path / "stats.json").get("role_state")  # noqa: E731
        await_that(lambda: role() == "leading", 30, "the lead")
        process.until_ticks(3)
        status, body = process.get("/readyz")
        assert (200, "leading") == (status, json.loads(body)["role_state"])
        (tmp_path / "plant.toml").write_text("nonsense")
        process.reload(text)
        assert "plant.toml" in process.log()
        (tmp_path / "plant.toml").write_text(DEVICE.format(cdu="rack-0002/cdu"))
        process.reload(text)
        await_that(lambda: "rack-0002/cdu" in process.get("/healthz")[1], 30, "the other CDU")
        assert 0 == process.stop(), process.log()
