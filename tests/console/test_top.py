"""`coldplate top`: what it shows of a node, on terminals of several sizes and on none."""

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from waiting import await_that

from coldplate.agents.collector import Happening, Health, Source
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.console.top.draw import Drawing
from coldplate.console.top.follow import Follow
from coldplate.console.top.picture import Gpu, Picture, Told
from coldplate.console.top.resistance import Resistance
from coldplate.wire.metric import CATALOGUE, Kind, metric

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"
SNAPSHOTS = Path(__file__).parent / "snapshots"
T0 = 1_790_000_000_000
NODE = "rack-0000/node-0"
NAN = np.nan


class Site:
    """A recorded GPU at full load beside one that nothing is known of, with a node, a CDU and events."""

    def __init__(self, *, cdu=True):
        self._gpu = RecordedCollector(RECORDING, NODE, "rack-0000")
        self.devices = {Kind.GPU: (f"{NODE}/gpu-0", f"{NODE}/gpu-1"), Kind.NODE: (NODE,)}
        self.values = {
            Kind.NODE: {"cpu_util_ratio": 0.31, "clock_wrong": 0.0, "clock_error_s": 0.02}
        }
        if cdu:
            self.devices[Kind.CDU] = ("rack-0000/cdu",)
            self.values[Kind.CDU] = {"supply_c": 36.5, "flow_lpm": 60.0, "pump1_rpm": 0.0}
        self.sources = [Source(NODE, "rack-0000", {Kind.GPU: range(2), Kind.NODE: range(1)})]
        self.told = []
        self.lost = False

    def sample(self, tick_ms):
        out = {k: np.full((len(CATALOGUE[k]), len(ids)), NAN) for k, ids in self.devices.items()}
        recorded = self._gpu.sample(tick_ms)[Kind.GPU]
        if not self.lost:
            out[Kind.GPU][:, :1] = recorded
        for kind, values in self.values.items():
            for name, value in values.items():
                out[kind][metric(kind, name).number] = value
        return out

    def happenings(self):
        out, self.told = self.told, []
        return out

    def health(self):
        return [Health("nvml", ok=True), Health("redfish", ok=False, text="no answer in time")]

    def conditions(self):
        return None

    def origins(self):
        return {}

    def close(self):
        pass


def followed(site, seconds):
    """The picture after so many seconds of the recording."""
    follow = Follow(site, NODE)
    for second in range(seconds + 1):
        picture = follow.look(T0 + 1000 * second)
    return picture


def drawn(picture, width, *, height=50, terminal=False, ascii_only=False):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii" if ascii_only else "utf-8", newline="")
    console = Console(
        file=file, width=width, height=height, force_terminal=terminal, highlight=False,
        _environ={"TERM": "xterm-256color"},
    )  # fmt: skip
    console.print(Drawing(picture))
    file.flush()
    return raw.getvalue().decode()


@pytest.fixture(scope="module")
def busy():
    """At second 60 the recorded GPU computes at its limit of 700 W."""
    site = Site()
    site.told = [
        Happening("job", f"{NODE}/gpu-0", T0, 4711, "4711", {"state": "start", "user": "ada"}),
        Happening("xid", f"{NODE}/gpu-1", T0 + 48_000, 79, "GPU has fallen off the bus."),
    ]
    return followed(site, 60)


@pytest.mark.parametrize("width", [80, 160])
def test_a_tick_is_drawn_as_it_was_agreed(busy, width):
    """What is absent is `-` and a pump that stands is 0; a change shows as a difference in the snapshot."""
    text = drawn(busy, width)
    assert (SNAPSHOTS / f"top-{width}.txt").read_text("utf-8") == text
    assert width >= max(map(len, text.splitlines()))


def test_a_gpu_of_which_nothing_is_known_shows_no_digit(busy):
    """Never 0, which would be a reading."""
    lines = drawn(replace(busy, gpus=busy.gpus[1:], told=[]), 160).splitlines()
    (row,) = [line for line in lines if line.startswith("gpu-1")]
    assert not re.search(r"\d", row.removeprefix("gpu-1"))
    assert (12, 1) == (row.split().count("-"), row.split().count("-/-"))


def test_a_gpu_that_is_lost_loses_its_values_within_seconds():
    """A screen that goes on showing the last temperature would hide the loss."""
    site = Site()
    follow = Follow(site, NODE)
    follow.look(T0)
    site.lost = True
    assert 39.0 == follow.look(T0 + 5000).gpus[0].values["gpu_c"]
    last = follow.look(T0 + 6000).gpus[0]
    assert "gpu_c" not in last.values
    assert "power_limit_w" in last.values
    assert {} == follow.look(T0 + 61_000).gpus[0].values


def test_the_cold_plate_is_held_against_the_coolant_where_a_cdu_is_read(busy):
    """(61 - 36.5) / 691 K/W, as the recorded GPU's cold plate has it."""
    estimate = busy.gpus[0].resistance
    assert "supply" == estimate.against
    assert pytest.approx(0.0355, abs=0.001) == estimate.k_per_w


def test_without_a_cdu_it_is_held_against_the_gpus_own_idle_state():
    """Idle at second 112, at full load again when the recording begins anew; it says what it is against."""
    estimate = followed(Site(cdu=False), 313).gpus[0].resistance
    assert "idle" == estimate.against
    assert pytest.approx(0.0355, rel=0.08) == estimate.k_per_w


def test_a_cold_plate_cannot_be_told_at_low_power_or_with_nothing_to_hold_it_against():
    """No number is better than one that is a third off."""
    idle, busy = Resistance(), Resistance()
    for second in range(10):
        idle.take(second, 39.0, 79.0, 0.0)
        busy.take(second, 61.0, 691.0, 1.0)
    assert [None, None] == [idle.estimate(36.5), busy.estimate(None)]
    assert pytest.approx(0.0355, abs=0.0001) == busy.estimate(36.5).k_per_w
    busy.take(10, NAN, 691.0, 1.0)
    assert busy.estimate(36.5) is None


def test_a_cold_plate_cannot_be_told_while_power_changes():
    """The temperature lags behind by seconds: after a load it would look worse, before one better."""
    resistance = Resistance()
    told = []
    for second in range(40):
        busy = 10 <= second < 30
        resistance.take(second, 61.0 if busy else 40.0, 691.0 if busy else 79.0, float(busy))
        told.append(resistance.estimate(36.5) is not None)
    assert [False] * 15 == told[:15]
    assert [True] * 8 == told[22:30]
    assert not any(told[32:])


def test_json_has_the_catalogues_names_and_leaves_out_what_is_absent(busy):
    """For programs: never a made-up 0."""
    told = json.loads(json.dumps(busy.as_json()))
    assert {"node", "t", "gpus", "metrics", "water", "events", "unwell"} == set(told)
    first, second = told["gpus"]
    assert {
        "id", "metrics", "clock_held_by", "resistance_k_per_w", "resistance_against", "job",
        "user", "xid",
    } == set(first)  # fmt: skip
    assert set(first["metrics"]) <= {m.name for m in CATALOGUE[Kind.GPU]}
    assert ("4711", "ada", ["power-cap"]) == (first["job"], first["user"], first["clock_held_by"])
    assert ({}, None, 79) == (second["metrics"], second["clock_held_by"], second["xid"]["code"])
    assert {"redfish": "no answer in time"} == told["unwell"]


def test_a_job_that_ended_is_no_longer_shown():
    """And two that share a GPU are both."""
    site = Site()
    follow = Follow(site, NODE)
    shown = []
    for n, (job, state) in enumerate([("1", "start"), ("2", "start"), ("1", "end"), ("2", "end")]):
        site.told = [Happening("job", f"{NODE}/gpu-0", T0, int(job), job, {"state": state})]
        shown.append(follow.look(T0 + 1000 * n).gpus[0].job)
    assert ["1", "1 2", "2", ""] == shown


def test_a_terminal_that_is_too_low_says_what_it_does_not_show():
    """Eight GPUs fit 80 x 24 without their jobs' lines; sixteen do not."""
    gpus = [Gpu(f"{NODE}/gpu-{i}", {"gpu_c": 40.0}, job="4711") for i in range(16)]
    eight = drawn(Picture(NODE, T0, gpus[:8]), 80, height=24, terminal=True)
    assert "gpu-7" in eight
    assert "4711" not in eight
    sixteen = drawn(Picture(NODE, T0, gpus), 80, height=24, terminal=True).rstrip().splitlines()
    assert 23 == len(sixteen)
    assert "more lines; a taller terminal shows them" in sixteen[-1]


def test_no_colour_goes_where_no_terminal_is(busy):
    """And none but ASCII characters where no others can be shown."""
    assert "\x1b" not in drawn(busy, 80)
    assert "\x1b" in drawn(busy, 80, terminal=True)
    assert drawn(busy, 80, ascii_only=True).isascii()


def test_grave_reasons_stand_first_and_errors_are_named():
    """What an operator has to see is not cut off."""
    v = {"clock_event_reasons": float(0x4 | 0x40 | 0x8), "ecc_uncorrected_total": 2.0}
    picture = Picture(NODE, T0, [Gpu(f"{NODE}/gpu-0", v, xid=Told(T0 - 3000, "xid", "", 94, ""))])
    text = drawn(picture, 160)
    assert "hw-thermal,hw-slowdown,power-cap" in text
    assert "uncorrected ECC 2  XID 94 3 s ago" in text


def test_the_command_looks_once(run):
    """A table, or one JSON object as the last line; no Kafka, no GPU, no terminal."""
    words = ("top", "--recording", RECORDING, "--interval", "0.1")
    ran = run(*words, "--once")
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "gpu-0" in ran.stdout
    ran = run(*words, "--json")
    assert 39.0 == json.loads(ran.stdout.splitlines()[-1])["gpus"][0]["metrics"]["gpu_c"]


class Terminal:
    """`coldplate top` on a terminal of its own."""

    def __init__(self, folder, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        os.set_blocking(self.master, False)
        self.before = termios.tcgetattr(slave)
        env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "coldplate.console", "top", "--recording", str(RECORDING),
             "--interval", "0.2"],
            stdin=slave, stdout=slave, stderr=slave, cwd=folder, start_new_session=True,
            env=env | {"TERM": "xterm-256color", "COLDPLATE_STATE": str(folder)},
        )  # fmt: skip
        self._slave, self.text = slave, ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self, words):
        with contextlib.suppress(BlockingIOError):
            self.text += os.read(self.master, 1 << 20).decode("utf-8", "replace")
        return words in self.text

    def end(self):
        """Exit code, and whether the terminal is as it was."""
        await_that(lambda: self.shows("") and self.process.poll() is not None, 20, "its end")
        return self.process.returncode, termios.tcgetattr(self._slave) == self.before

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path)
    yield made
    made.close()


def test_q_ends_it_and_the_terminal_is_as_it_was(terminal):
    """Also over SSH: nothing but a terminal is needed."""
    await_that(lambda: terminal.shows("gpu-0"), 20, "a picture")
    os.write(terminal.master, b"q")
    assert (0, True) == terminal.end()
    assert "\x1b[?1049l" in terminal.text


def test_ctrl_c_ends_it_too(terminal):
    """Without a traceback, and not as a failure."""
    await_that(lambda: terminal.shows("gpu-0"), 20, "a picture")
    terminal.process.send_signal(signal.SIGINT)
    assert (0, True) == terminal.end()
    assert "Traceback" not in terminal.text


def test_another_size_of_the_terminal_is_followed(terminal):
    """From two lines a GPU to one."""
    await_that(lambda: terminal.shows("gpu-0"), 20, "a picture")
    terminal.text = ""
    terminal.resize(24, 160)
    one_line = re.compile(r"swing *(\x1b\[[0-9;]*m)* *°C|swing[^\r\n]*HBM")
    await_that(lambda: terminal.shows("") and one_line.search(terminal.text), 20, "a wide picture")
    os.write(terminal.master, b"q")
    assert 0 == terminal.end()[0]
