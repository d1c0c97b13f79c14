"""The procedure over time: it goes on after any end, repeats steps alone, asks hands, and powers nothing that leaks."""

import os
import signal
import sys
from dataclasses import dataclass, field, replace

import psutil
import pytest
from console.commission.racks import SHORT, changed
from console.commission.test_steps import leaking
from waiting import await_that

from coldplate.console.commission.hands import Technician
from coldplate.console.commission.keeping import Keeping, spans_of
from coldplate.console.commission.limits import Limits, load_limits
from coldplate.console.commission.order import BY_NAME, STEPS
from coldplate.console.commission.phases import PHASES, phases_of
from coldplate.console.commission.running import Procedure
from coldplate.console.failure import Failure
from coldplate.wire.metric import Kind

BEGAN_MS = 1_800_000_000_000


class PowerLost(BaseException):
    """The machine is gone; nothing is tidied up."""


@dataclass
class FakeClock:
    """Time that passes when it is waited for; `left` waits later the power is lost."""

    at_ms: int = BEGAN_MS
    left: int = 10_000

    def now_ms(self):
        return self.at_ms

    def wait_until(self, at_ms):
        self.left -= 1
        if self.left < 0:
            raise PowerLost
        self.at_ms = max(self.at_ms, at_ms)


@dataclass
class Recorded:
    """A source that has the healthy rack's spans, whenever they were."""

    evidence: object
    asked: list = field(default_factory=list)

    def span(self, rack, phase, begin_ms, end_ms, marks):
        self.asked.append((phase, begin_ms, end_ms))
        # Deeds were done at the twin's own times.
        return self.evidence.spans[phase]


@dataclass
class FakeHands:
    """Notes what it is asked."""

    did: list = field(default_factory=list)

    def ask(self, rack, words):
        self.did.append(words.format(rack=rack))

    def act(self, rack, action, words):
        self.did.append(action or words)

    def load(self, rack, load):
        self.did.append(load)

    def ended(self, rack):
        return ""

    def told(self):
        return [{"who": "ada", "at": "2027-01-15T08:00:00Z", "what": self.did[-1]}]


@pytest.fixture
def make(healthy, tmp_path):
    """A procedure of a rack, after all that was kept of it before."""
    opened = []

    def made(clock=None, evidence=healthy, rack="rack-0000", hands=None):
        while opened:
            opened.pop().close()
        opened.append(Keeping(tmp_path / "keep", rack))
        return Procedure(
            evidence.rack, evidence.planned, evidence.found, Recorded(evidence), hands or FakeHands(), opened[-1],
            Limits(), "ada", clock=clock or FakeClock(), phases=SHORT,
        )  # fmt: skip

    yield made
    while opened:
        opened.pop().close()


def test_a_healthy_rack_is_accepted(make):
    """All phases in order, each as long as it must be, and who did what stands in the certificate."""
    procedure = make()
    told = procedure.run()
    assert "accepted" == told["verdict"]
    assert [p.name for p in PHASES] == [name for name, _, _ in procedure.source.asked]
    for phase, (_, begin_ms, end_ms) in zip(PHASES, procedure.source.asked, strict=True):
        assert end_ms - begin_ms >= 1000 * phase.seconds
    assert {"idle", "half", "full", "steps", "pump-stop", "pump-start", "restart"} <= set(procedure.hands.did)  # fmt: skip
    assert len(PHASES) == len(told["hands"])
    assert [s.name for s in STEPS] == [s["name"] for s in told["steps"]]


def test_it_goes_on_where_the_power_was_lost(make):
    """Phases that were over are not made again, the one that was broken off is; the result is the same."""
    first = make(FakeClock(left=13))
    with pytest.raises(PowerLost):
        first.run()
    done = set(first.keeping.read().phases)
    assert 0 < len(done) < len(PHASES)
    later = FakeClock(BEGAN_MS + 9_000_000_000)
    second = make(later)
    told = second.run()
    assert "accepted" == told["verdict"]
    made_later = {name for name, begin_ms, _ in second.source.asked if begin_ms >= BEGAN_MS + 9_000_000_000}  # fmt: skip
    assert {p.name for p in PHASES} - done == made_later


def test_two_hundred_procedures_go_on_after_the_power_was_lost(healthy, tmp_path):
    """Each from where it was: kept files are whole at any moment."""
    steps, folder = [BY_NAME["rope"], BY_NAME["dew-point"]], tmp_path / "many"

    def procedure(n, clock):
        rack = replace(healthy.rack, id=f"rack-{n:04d}")
        keeping = Keeping(folder, rack.id)
        return keeping, Procedure(
            rack, {}, None, Recorded(healthy), FakeHands(), keeping, Limits(), "ada", clock=clock, phases=SHORT
        )  # fmt: skip

    for n in range(200):
        keeping, begun = procedure(n, FakeClock(left=n % 4))
        with pytest.raises(PowerLost):
            begun.run(steps)
        keeping.close()
    for n in range(200):
        keeping, again = procedure(n, FakeClock(BEGAN_MS + 1_000_000))
        before = dict(keeping.read().phases)
        again.run(steps)
        after = keeping.read().phases
        assert {"rope", "idle"} == set(after)
        assert before == {k: v for k, v in after.items() if k in before}
        keeping.close()


def test_a_step_is_repeated_without_the_rest(make):
    """After its certificate was written, only the phases of that step are made again."""
    first = make()
    first.run()
    first.end()
    again = make(FakeClock(BEGAN_MS + 9_000_000_000))
    told = again.run([BY_NAME["flow"]])
    assert "accepted" == told["verdict"]
    assert {"idle"} == {name for name, begin_ms, _ in again.source.asked if begin_ms > BEGAN_MS + 5_000_000_000}  # fmt: skip
    again.end()
    anew = make(FakeClock(BEGAN_MS + 20_000_000_000))
    anew.run()
    assert all(begin_ms >= BEGAN_MS + 20_000_000_000 for _, begin_ms, _ in anew.source.asked)


def test_what_leaks_is_not_powered(make, healthy):
    """The procedure stops before any load; what was not made is not measurable, and the rack is held."""
    leak = changed(healthy, ["hold"], Kind.CDU, leaking, "return_kpa")
    procedure = make(evidence=leak)
    told = procedure.run()
    assert "held" == told["verdict"]
    assert ["hold"] == [name for name, _, _ in procedure.source.asked]
    results = {s["name"]: s["result"] for s in told["steps"]}
    assert ("fail", "not-measurable") == (results["pressure"], results["plates"])
    assert "stopped: pressure did not pass" == told["hands"][-1]["what"]


def test_one_procedure_a_rack(make, tmp_path):
    """A second one is refused, and a kept file that is none says what to do."""
    procedure = make()
    with pytest.raises(Failure, match="another procedure has this rack"):
        Keeping(tmp_path / "keep", "rack-0000")
    procedure.keeping.path.write_text("{")
    with pytest.raises(Failure, match="move it away to begin anew"):
        procedure.run()


def test_a_hook_runs_loads_and_ends_them(tmp_path):
    """A load is a process that ends with its phase, with all that it started; a deed that fails says so."""
    note = tmp_path / "note"
    hook = tmp_path / "hook.sh"
    hook.write_text(f'#!/bin/sh\necho "$1 $2" >> {note}\ncase $1 in load-*) sleep 600;; pump-stop) exit 3;; esac\n')  # fmt: skip
    hook.chmod(0o755)
    hands = Technician("ada", Technician.words_of(str(hook)))
    hands.load("rack-0000", "full")
    await_that(lambda: note.exists() and "load-full rack-0000" in note.read_text(), 5, "the load")
    inside = psutil.Process(hands._running.pid)
    hands.load("rack-0000", "full")
    assert inside.pid == hands._running.pid
    hands.load("rack-0000", "idle")
    await_that(lambda: not inside.is_running() or inside.status() == psutil.STATUS_ZOMBIE, 5, "its end")  # fmt: skip
    hands.act("rack-0000", "restart", "restart it")
    with pytest.raises(Failure, match="pump-stop rack-0000 ended with 3"):
        hands.act("rack-0000", "pump-stop", "stop it")
    assert ["load-full", "restart"] == [told["what"] for told in hands.told()]


def test_a_load_that_ends_at_once_is_told(tmp_path):
    """A hook that is not there, or gives up, does not pass for a load."""
    hands = Technician("ada", (str(tmp_path / "none"),))
    hands.load("rack-0000", "full")
    await_that(lambda: hands.ended("rack-0000"), 5, "the load's end")
    assert "load-full of rack-0000 ended by itself with 126" in hands.ended("rack-0000")
    hands.end()
    assert "" == hands.ended("rack-0000")


def test_a_technician_is_asked_by_name():
    """Who and when is kept; without a hook every load is asked for."""
    asked = []
    hands = Technician("ada", prompt=asked.append)
    hands.load("rack-0003", "half")
    hands.ask("rack-0003", "close valve V2 of {rack}")
    assert ["bring every GPU of rack-0003 to half, then press enter", "close valve V2 of rack-0003"] == asked  # fmt: skip
    assert {"ada"} == {told["who"] for told in hands.told()}
    silent = Technician("ada", yes=True)
    silent.ask("rack-0003", "anything")
    assert ["nobody, --yes"] == [told["who"] for told in silent.told()]


def test_kept_files_survive_a_kill(tmp_path):
    """A process that dies with its lock leaves a rack that another one may take."""
    code = (
        "import sys,time;from pathlib import Path;from coldplate.console.commission.keeping import *;"
        f"k=Keeping(Path({str(tmp_path)!r}),'r');k.write(Progress('r','ada',1));print('kept',flush=True);time.sleep(60)"
    )
    process = psutil.Popen([sys.executable, "-c", code], stdout=-1)
    assert b"kept\n" == process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(5)
    process.stdout.close()
    keeping = Keeping(tmp_path, "r")
    assert "ada" == keeping.read().by
    keeping.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[commission]\nr_ration = 0.1", "r_ration is unknown; near are r_ratio"),
        ("[commission]\nr_ratio = 2.0", "r_ratio"),
        ("[commission]\nr_ratio = 'a'", "r_ratio"),
        ("[other]\n", r"expected one table \[commission\]"),
        ("[commission.sku.big]\nfilter = 1", "commission.sku.big: filter is unknown"),
        ("[commission]\nseconds = {soap = 1.0}", "seconds"),
        ("[commission]\nseconds = {soak = 0.0}", "seconds"),
        ("[commission", "limits"),
    ],
)
def test_limits_that_are_none_are_refused(text, said, tmp_path):
    """With file, key and what is expected, in SKUs that are not used today too."""
    (path := tmp_path / "limits.toml").write_text(text)
    with pytest.raises(Failure, match=said):
        load_limits(path)


def test_a_sku_has_its_own_limits_on_top(tmp_path):
    """Of one file; what neither names is the default."""
    path = tmp_path / "limits.toml"
    path.write_text(
        "[commission]\nr_ratio = 0.08\nseconds = {soak = 60.0}\n[commission.sku.big]\nfilter_clean_kpa = 15.0\n"
    )
    found = load_limits(path, "big")
    assert (0.08, 15.0, 1.25) == (found.r_ratio, found.filter_clean_kpa, found.filter_ratio)
    assert 12.0 == load_limits(path).filter_clean_kpa
    lengths = {p.name: p.seconds for p in phases_of(found.seconds)}
    assert (60.0, 3600.0) == (lengths["soak"], lengths["hold"])
    with pytest.raises(Failure, match="it has big"):
        load_limits(path, "small")


@pytest.mark.parametrize("text", ["[]", "{", '{"full": {"begin_s": 1}}', '{"no": {"begin_s": 1, "end_s": 2}}', '{"full": {"begin_s": 2, "end_s": 2}}'])  # fmt: skip
def test_spans_that_are_none_are_refused(text, tmp_path):
    """With what is expected."""
    (path := tmp_path / "spans.json").write_text(text)
    with pytest.raises(Failure, match="--spans"):
        spans_of(path, 0)
    with pytest.raises(Failure, match="--start"):
        spans_of(path, None)
