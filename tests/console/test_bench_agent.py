"""The benchmark of the agent: what it measures is of the agent alone, and it leaves nothing behind."""

import json
import socket
import struct
import subprocess
import sys
import time
from array import array
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.console.benching import telegraf
from coldplate.console.benching.sampling import SOURCES, Punctual, PunctualCrew, Sampling
from coldplate.console.context import Context
from coldplate.console.crew import Ties
from coldplate.wire.metric import Kind

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"
BENCH = (sys.executable, "-m", "coldplate.console", "bench", "agent", "--json")


@pytest.mark.e2e
def test_the_driver_is_played_and_its_time_is_told_apart() -> None:
    """All of a node's collectors over the stand-in: what NVML would have taken is not the agent's own."""
    arguments = ("--source", "nvml", "--gpus", "2", "--seconds", "5", "--recording", str(RECORDING))
    run = subprocess.run((*BENCH, *arguments), capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stderr
    out = json.loads(run.stdout.splitlines()[-1])
    assert ("nvml", 2) == (out["source"], out["gpus"])
    assert 0.0 < out["cpu_ratio"] < 0.02
    assert 0.001 < out["nvml_ratio"] < 0.05
    assert 0.0 < out["stand_in_rss_mb"] < 20.0
    assert out["values"] / out["ticks"] > 2 * 15


def test_an_unknown_source_and_a_recording_that_is_not_there_are_refused(tmp_path: Path) -> None:
    """With exit status 2, before anything is started."""
    for words in (("--source", "none"), ("--recording", str(tmp_path / "none"))):
        run = subprocess.run((*BENCH, *words), capture_output=True, text=True, check=False)
        assert 2 == run.returncode, run.stderr
        assert "Traceback" not in run.stderr


def test_a_peer_that_was_not_made_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the command that makes it names the folder where it is looked for."""
    monkeypatch.setenv("COLDPLATE_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert telegraf.program() is None
    assert f"GOBIN={tmp_path / 'peers'} " in telegraf.build_command()
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / "telegraf").touch()
    assert tmp_path / "peers" / "telegraf" == telegraf.program()


def test_sampling_notes_how_late_it_begins() -> None:
    """In milliseconds after the tick; what is sampled is the collector's own, through its lane."""
    late_ms = array("d")
    made = SOURCES["recorded"](Sampling("recorded", 2, str(RECORDING)), ExitStack())
    crew = PunctualCrew(made.hire(Context(), Ties(dict, lambda: None, lambda _: None)), late_ms)
    with closing(crew.gather(deadline_s=5.0)) as collector:
        tick_ms = int(time.time() * 1000) - 250
        taken = collector.sample(tick_ms)[Kind.GPU]
    alone = RecordedCollector(RECORDING, crew.node, "rack-0003", gpus=2)
    assert alone.devices[Kind.GPU] == collector.devices[Kind.GPU]
    assert alone.sample(tick_ms)[Kind.GPU].tobytes() == taken.tobytes()
    assert 250 <= late_ms[0] < 5000
    assert isinstance(collector, Punctual)


def test_the_peers_servers_answer() -> None:
    """A chassis that is linked from its system, and registers that hold their own numbers."""
    with telegraf._serving(telegraf._redfish(8)) as address:
        base = f"http://{address}"
        system = json.load(urlopen(f"{base}/redfish/v1/Systems/node"))
        chassis = json.load(urlopen(base + system["Links"]["Chassis"][0]["@odata.id"]))
        assert 8 == len(json.load(urlopen(base + chassis["Thermal"]["@odata.id"]))["Temperatures"])
        assert 8 == len(json.load(urlopen(base + chassis["Power"]["@odata.id"]))["PowerControl"])
    with telegraf._serving(telegraf._modbus()) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as line:
            line.sendall(struct.pack(">HHHBBHH", 7, 0, 6, 1, 3, 10, 2))
            assert struct.pack(">HHHBBBHH", 7, 0, 7, 1, 3, 4, 10, 11) == line.recv(64)
