"""Sink, ClickHouse and Kafka are killed while frames flow: each frame is there once, and rollups agree."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from coldplate.console.benching.made_up import AWAY_TICKS, LATE_S_MAX, MadeUp
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import Kind

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "exactly-once", "--json")


@pytest.mark.e2e
def test_three_kills_lose_and_double_nothing(tmp_path):
    """One of each part; the ledger and what was read back are kept and say the same."""
    run = subprocess.run(
        (*BENCH, "--kills", "3", "--out", str(tmp_path)), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert 0 == run.returncode, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert (0, 0, 0) == tuple(result[k] for k in ("lost", "duplicated", "rollup_mismatch"))
    assert {"sink": 1, "clickhouse": 1, "kafka": 1} == result["killed"]
    sent = {tuple(line.split("\t")[2:4]) for line in (tmp_path / "ledger").read_text().splitlines()}
    stored = [line.split("\t") for line in (tmp_path / "read-back.tsv").read_text().splitlines()]
    frames = Counter((boot, seq) for table, boot, seq, _ in stored if table == "frames")
    assert sent == frames.keys()
    assert result["frames"] == len(sent)
    assert result["rows"] == sum(int(n) for table, *_, n in stored if table != "frames")


def test_what_flows_comes_late_twice_and_of_hours_ago():
    """Each frame is new once, and sent at least once; some later, some again, some of a time long past."""
    begin_s = 1_790_000_000.0
    made_up = MadeUp("test", 3, begin_s)
    new, sent, late = [], Counter(), 0
    for second in range(120):
        for made, _, record in made_up.due(begin_s + second):
            if made is not None:
                new.append(made)
                late += not record
            if record:
                sent[decode_frame(record).head.identity] += 1
    for _, record in made_up.rest():
        sent[decode_frame(record).head.identity] += 1
    identities = [made.framed.identity for made in new]
    assert len(identities) == len(set(identities))
    assert set(identities) == set(sent)
    share = 1 / len(new)
    assert 0.05 < late * share < 0.2
    assert 0.02 < sum(n > 1 for n in sent.values()) * share < 0.1
    away = [m for m in new if m.framed.first_ms < (begin_s - LATE_S_MAX) * 1000]
    assert 0.02 < len(away) * share < 0.1
    assert AWAY_TICKS / 10 - 200 < begin_s - away[0].framed.first_ms / 1000 < AWAY_TICKS / 10 + 200
    # Two values at one time of one device: which is the last nobody could tell.
    assert len({(m.framed.identity[0], m.framed.first_ms) for m in new}) == len(new)


def test_rows_that_are_due_are_those_of_the_frame():
    """A row a device and tick, and one a device of what is read now and then."""
    made_up = MadeUp("test", 4, 1_790_000_000.0)
    made = next(m for m, *_ in made_up.due(1_790_000_001.0) if m and "gpu_samples" in m.rows)
    frame = decode_frame(made.framed.record)
    (block,) = [b for b in frame.head.blocks if b.kind == Kind.GPU]
    assert made.rows == {
        "gpu_samples": frame.head.ticks * len(block.devices),
        "gpu_slow_samples": len(block.devices),
    }
