"""Evaluations of many runs: kept one by one, gone on with, pooled; healthy halls, and the page with its pictures."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from coldplate.console.evaluating import soak
from coldplate.console.evaluating.hall import LiveHall
from coldplate.console.evaluating.kept import Work, finished
from coldplate.console.evaluating.page import BEGIN, END, weak
from coldplate.console.evaluating.pictures import draw_family
from coldplate.console.evaluating.timeline import Timeline, kinds
from coldplate.console.main import cli
from coldplate.streams.evaluate.label import Label, Said
from coldplate.streams.evaluate.match import Found, Matching
from coldplate.streams.evaluate.report import Run
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario, check
from coldplate.wire.fault import looks_alike
from coldplate.wire.incident import Severity

ENOUGH_GPU_DAYS = 50.0
"""As much as a run of all tests has time for; `make soak-detect` looks at thousands."""
FAULT = Label("f", "pump-stop", "rack-0000/cdu", 0, 1000)
PAGE = Said("i", "pump-stop", "rack-0000/cdu", Severity.CRITICAL, 2000, 2500, 2500)


def told(calls: list[int], seed: int, seconds: float) -> tuple[Run, None]:
    calls.append(seed)
    return Run(Matching((Found(FAULT, PAGE),), ((PAGE, None),)), (FAULT,), seconds), None


def test_what_is_kept_is_not_run_again(tmp_path: Path) -> None:
    """Stopped after the second of three, the third alone is run; all three come whole from their files."""
    calls: list[int] = []
    works = [Work("hall", seed, 60.0, lambda s, t: told(calls, s, t)) for seed in (1, 2, 3)]
    runs = finished(tmp_path, works)
    first = [next(runs), next(runs)]
    runs.close()
    again = list(finished(tmp_path, works))
    assert [1, 2, 3] == calls == sorted(k.seed for k in again)
    assert first[0].run == again[0].run == told([], 1, 60.0)[0]
    assert [] == [p for p in tmp_path.iterdir() if p.suffix != ".json"]


def test_soaks_are_pooled(tmp_path: Path) -> None:
    """False pages and GPU-days add up, and each page can be found again."""
    works = [Work("hall", seed, 60.0, lambda s, t: told([], s, t)) for seed in (5, 6)]
    out = soak.pooled(tmp_path, works)
    assert (2, 120.0, [5, 6]) == (out["false_pages"], out["gpu_days"], out["seeds"])
    assert {"seed": 6, "kind": "pump-stop", "subject": "rack-0000/cdu"}.items() <= out["pages"][
        1
    ].items()


def test_a_soak_has_halls_enough() -> None:
    """64 GPUs for an hour are 2.67 GPU-days."""
    assert [7, 8, 9, 10] == [w.seed for w in soak.works(10.0, 1, 3600.0, 7)]


@pytest.mark.parametrize("seed", range(10))
def test_a_soaks_hall_can_be_run_and_has_no_fault(seed: int) -> None:
    """Only what looks like one; the same seed, the same hall."""
    hall = soak.hall_of(seed, 40, 1800.0)
    check(hall)
    assert hall.faults
    assert all(looks_alike(f.kind) for f in hall.faults)
    assert hall == soak.hall_of(seed, 40, 1800.0)


def test_judging_five_ticks_at_a_time_says_the_same() -> None:
    """The same incidents of the same ticks; only when they would have been told is coarser."""
    faults = (Fault("pump-stop", "rack-0001/cdu", 20.0, 40.0, spare_ratio=0.0),)
    scenario = Scenario(racks=2, load="steps", faults=faults)
    opened = []
    for step_ticks in (1, soak.STEP_TICKS):
        collector = TwinCollector(Hall(scenario))
        live = LiveHall(collector, collector.hall.inventory, step_ticks=step_ticks)
        for tick in range(60):
            live.tick(1_800_000_000 + tick)
        opened.append([(s.id, s.kind, s.subject, s.severity, s.opened_ms) for s in live.live.said])
    assert opened[0]
    assert opened[0] == opened[1]


def test_healthy_halls_are_never_paged() -> None:
    """16,384 GPUs at work with all that only looks like a fault: no page in 50 GPU-days."""
    seconds = np.ceil(ENOUGH_GPU_DAYS * 86_400.0 / (soak.RACKS * 64))
    run, _ = soak.evaluate_soak(1, float(seconds))
    assert ENOUGH_GPU_DAYS <= run.gpu_days
    assert len(run.look_alikes) > 5
    assert () == run.matching.false


def test_weak_is_said_plainly() -> None:
    """Which figure of which kind; of slow wear the delay is no weakness."""
    good = {"n": 3, "recall": 1.0, "cause_correct_ratio": 1.0, "before_harm_ratio": None, "pages_per_fault": 1.0, "delay_p90_s": 99.0}  # fmt: skip
    lines = weak({"kinds": {"filter-clog": good, "pump-stop": {**good, "recall": 0.5}}})
    assert ["`pump-stop` (of 3): recall 0.5, delay_p90_s 99"] == lines


def test_every_family_but_the_unknown_can_be_drawn(tmp_path: Path) -> None:
    """Also a fault that was not found, and one of which an event alone tells."""
    found = Timeline("pump-stop", "c", "pump-stop", "c", "flow_lpm", (-1.0, 0.0, 1.0), (64.0, None, 20.0), (0.0, None, 9.0), 0.0, 1.5, 8.0, 2.0)  # fmt: skip
    heard = Timeline("silent-node", "n", "silence", "n", "heard", (0.0, 1.0), (1.0, 0.0), told_s=1.0, end_s=2.0)  # fmt: skip
    draw_family("pump", [found, heard, Timeline("cavitation", "c", end_s=2.0)], tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert {"plate", "pump", "silence", "time"} <= set(kinds())


def test_the_page_is_written_between_its_marks(tmp_path: Path) -> None:
    """Table, weak kinds and pictures of a tiny hall; what stands around stays; the second time nothing is run."""
    hall = tmp_path / "tiny.toml"
    hall.write_text(
        'racks = 1\nnodes = 2\nduration_s = 60.0\n[[faults]]\nkind = "pump-stop"\nsubject = "rack-0000/cdu"\n'
        "at_s = 30.0\nend_s = 50.0\nspare_ratio = 0.0\n"
    )
    page = tmp_path / "evaluation.md"
    page.write_text(f"before\n{BEGIN}\nof another day\n{END}\nafter\n")
    arguments = ["evaluate", "page", "--scenario", str(hall), "--seeds", "2", "--page", str(page),
                 "--family", "none", "--keep", str(tmp_path / "keep"), "--json"]  # fmt: skip
    said = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert 2 == json.loads(said.stdout.splitlines()[-1])["n"]
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| pump-stop | 2 | 2 | 1 |" in text
    assert "of another day" not in text
    assert (tmp_path / "evaluation" / "causes.png").is_file()
    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "keep").iterdir()}
    CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert kept == {p: p.stat().st_mtime_ns for p in (tmp_path / "keep").iterdir()}
    assert text == page.read_text()


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    """Nobody's file is written over; which lines are missing is said before anything is run."""
    page = tmp_path / "mine.md"
    page.write_text("mine")
    said = CliRunner().invoke(cli, ["evaluate", "page", "--page", str(page)])
    assert "results stand between them" in str(said.exception)
    assert "mine" == page.read_text()


def test_a_timeline_can_be_kept() -> None:
    """Written and read again it is the same, with what is absent."""
    line = Timeline("pump-stop", "c", t_s=(0.0,), value=(None,))
    assert line == msgspec.json.decode(msgspec.json.encode(line), type=Timeline)
