"""`coldplate twin`: what each command answers, and that hurried frames are taken by those who read them."""

import json
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
from waiting import await_that

from coldplate.agents.follow import Follower
from coldplate.agents.settings import KafkaSettings
from coldplate.twin.faults.library import KINDS
from coldplate.twin.recording import Recording
from coldplate.wire.admission import admit
from coldplate.wire.frame import decode_frame
from coldplate.wire.topic import Topics

H200 = Path(__file__).parents[1] / "recordings" / "h200"


def told(ran, code=0):
    assert code == ran.returncode, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def refused(ran, *words):
    assert 2 == ran.returncode, ran.stdout
    assert "Traceback" not in ran.stderr
    assert [] == [w for w in words if w not in ran.stderr], ran.stderr


def test_the_library_is_listed(run):
    """Each kind with its family, what it befalls, whether it pages, and one line."""
    found = {f["kind"]: f for f in told(run("twin", "faults", "--json"))["faults"]}
    assert set(KINDS) == set(found)
    assert {"family": "pump", "on": "cdu", "pages": True} == {
        k: found["pump-stop"][k] for k in ("family", "on", "pages")
    }
    assert all(f["line"] for f in found.values())
    table = run("twin", "faults").stdout
    assert all(kind in table for kind in KINDS)


def test_a_run_is_recorded(run, tmp_path):
    """With its size, seed, start and length as asked for; what was recorded is told."""
    out = tmp_path / "r"
    ran = run(
        "twin", "record", "--scenario", "healthy", "--gpus", 65, "--seed", 7, "--seconds", 4,
        "--start", "2026-09-21T12:00:00", "--out", out, "--json",
    )  # fmt: skip
    rows = 4 * (128 + 16 + 2 + 2 + 1)
    assert {"out": str(out), "ticks": 4, "rows": rows, "events": 0, "labels": 0} == told(ran)
    found = Recording(out)
    assert ("healthy", "2026-09-21T12:00:00+00:00") == (found.header.name, found.header.start.isoformat())  # fmt: skip
    assert "seed = 7" in (out / "scenario.toml").read_text()
    refused(run("twin", "record", "--out", out), str(out), "not empty")


def test_a_run_is_drawn(run, tmp_path):
    """Into the file that is named; what cannot be drawn is a line on stderr."""
    out = tmp_path / "f.png"
    ran = run("twin", "plot", "demo", "--subject", "rack-0003", "--seconds", 5, "--out", out)
    assert (0, f"{out}\n") == (ran.returncode, ran.stdout), ran.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    refused(run("twin", "plot", "--subject", "rack-0009", "--out", out), "rack-0009")
    refused(run("twin", "plot", "--subject", "rack-0003", "--out", "f.gif"), "f.gif", ".png")
    refused(run("twin", "plot", "none", "--subject", "rack-0003", "--out", out), "none", "demo")


def test_a_rehearsal_answers_in_words_and_in_numbers(run):
    """The keys that programs rely on; the sentence and the cases for people."""
    answer = told(run("twin", "what-if", "flow-loss", "--gpus", 64, "--json"))
    assert 9.5 == pytest.approx(answer["first_throttle_s"], rel=0.15)
    assert 9.5 == pytest.approx(answer["closed_form_s"], rel=0.05)
    assert answer["first_shutdown_s"] > answer["first_throttle_s"]
    assert {(30, 700), (40, 500)} <= {(c["supply_c"], c["load_w"]) for c in answer["cases"]}
    words = run("twin", "what-if", "flow-loss", "--gpus", 64).stdout
    assert "the first GPU throttles after" in words
    assert "closed_form_s" in words


def test_a_recorded_gpu_is_followed(run, tmp_path):
    """Within the errors that are promised, and drawn."""
    out = tmp_path / "fit.png"
    found = told(run("twin", "fit", "--recording", H200, "--out", out, "--json"))
    assert found["rms_temp_c"] <= 1.0
    assert found["rms_power_w"] <= 15
    assert found["swing_error_ratio"] <= 0.15
    assert found["parameters"]
    assert out.read_bytes().startswith(b"\x89PNG")
    refused(run("twin", "fit", "--recording", tmp_path), "no CSV of a recorded GPU")


def test_the_twin_is_measured(run):
    """Speed of the physics and with frames, memory, and where the time goes."""
    found = told(run("twin", "bench", "--gpus", 100, "--seconds", 3, "--json"))
    assert (128, 2) == (found["gpus"], found["racks"])
    # How fast is for whoever reads it: beside other work the two change places.
    assert min(found["speedup_model"], found["speedup_frames"]) > 0
    assert 30 < found["rss_mb"] < 500
    assert {"physics", "sensors", "frames", "making the hall"} == found["cpu_s"].keys()
    assert "speedup_model" in run("twin", "bench", "--gpus", 8, "--seconds", 1).stdout


@pytest.fixture
def kafka(run, kafka_bootstrap):
    """Environment and topics of a test of its own, and all frames that come from now on."""
    environ = {"COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_TOPIC_PREFIX": f"t{uuid4().hex[:8]}"}
    assert 0 == run("topics", "create", "--partitions", 2, **environ).returncode
    topics = Topics(environ["COLDPLATE_TOPIC_PREFIX"])
    follower = Follower(KafkaSettings(brokers=kafka_bootstrap), [topics.frames])

    def frames(count):
        seen = []

        def enough():
            seen.extend(follower.poll(0.2))
            return len(seen) >= count

        await_that(enough, 20, f"{count} frames")
        return [(decode_frame(s.value), s.timestamp_ms) for s in seen]

    with closing(follower):
        yield environ, frames


def in_time(frames, sources, ticks):
    """Every source's ticks follow one another without a gap, and every reader takes them."""
    for frame, arrival_ms in frames:
        admit(frame.head, arrival_ms, "coldplate")
        # Faster than time, and yet never from the future.
        assert (frame.head.tick + frame.head.ticks - 1) * 1000 <= arrival_ms + 50
    by_source = {}
    for frame, _ in frames:
        by_source.setdefault(frame.head.source, []).append(frame.head)
    assert sources == len(by_source)
    for heads in by_source.values():
        heads.sort(key=lambda h: h.seq)
        assert ticks == sum(h.ticks for h in heads)
        for before, after in pairwise(heads):
            assert before.tick + before.ticks == after.tick


@pytest.mark.e2e
def test_a_hurried_run_is_taken(run, kafka):
    """Five minutes of two racks as fast as it goes, no tick left out, none ahead of its arrival."""
    environ, frames = kafka
    began_s = time.monotonic()
    ran = run("twin", "run", "--scenario", "healthy", "--gpus", 128, "--speed", "max", "--for", 300, "--json", **environ)  # fmt: skip
    counts = told(ran)
    assert time.monotonic() - began_s < 60
    assert (300, 0) == (counts["ticks"], counts["records_pending"])
    assert counts["frames"] == counts["records_acknowledged"]
    in_time(frames(counts["frames"]), sources=19, ticks=300)


@pytest.mark.e2e
def test_a_recording_is_replayed_once(run, kafka, tmp_path):
    """Ten times as fast, under the names of its hall, to its end."""
    environ, frames = kafka
    out = tmp_path / "r"
    assert 0 == run("twin", "record", "healthy", "--racks", 1, "--seconds", 20, "--out", out).returncode  # fmt: skip
    counts = told(run("twin", "replay", out, "--speed", "10", "--json", **environ))
    assert (20, 0) == (counts["ticks"], counts["records_pending"])
    in_time(frames(counts["frames"]), sources=10, ticks=20)
    refused(run("twin", "replay", tmp_path, **environ), "recording.toml")
