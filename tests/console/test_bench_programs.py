"""The programs around the benchmark of the pipeline: revisions compared, sizes measured, the page that follows."""

import json
import re
import runpy
import sys
from types import SimpleNamespace

import pytest
from tree import ROOT


def program(name):
    """Its names."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / name)))


@pytest.fixture(scope="module")
def compare():
    """bench/compare.py."""
    return program("bench/compare.py")


@pytest.fixture(scope="module")
def performance():
    """docs/performance.py."""
    return program("docs/performance.py")


def figures(cpu_s, *, lost=0, seconds=10.0, values_per_s=1e6, **more):
    """Some of what the benchmark tells."""
    return {"lost": lost, "duplicated": 0, "seconds": seconds, "values_per_s": values_per_s, "cpu_s": cpu_s, **more}  # fmt: skip


def test_costs_are_of_a_million_values_and_of_all_workers_together(compare) -> None:
    """Ten million values; and no figures of a run that lost something."""
    costs = compare.costs(figures({"worker": 4.0, "worker-2": 3.0, "sink": 2.0, "kafka": 1.0}))
    assert (0.7, 0.2, 0.1, 0.0) == tuple(costs[s] for s in ("worker", "sink", "kafka", "clickhouse"))  # fmt: skip
    with pytest.raises(compare.Unusable, match="3 frames lost"):
        compare.costs(figures({}, lost=3))


def test_a_stage_is_dearer_by_the_median_of_its_ratios_and_production_is_not_judged(compare) -> None:  # fmt: skip
    """One slow run of three does not fail it; two do."""
    base = {"worker": 0.5, "sink": 0.2, "producer": 0.1}
    pairs = [(base, {"worker": w, "sink": s, "producer": 0.9}) for w, s in ((0.5, 0.2), (0.9, 0.3), (0.5, 0.3))]  # fmt: skip
    found = compare.ratios(pairs)
    assert (1.0, 1.0, 1.8) == tuple(found["worker"][k] for k in ("median", "min", "max"))
    assert [0.2, 0.3, 0.3] == found["sink"]["tree"]
    assert ["sink"] == compare.dearer(found, 1.15)
    assert [] == compare.dearer(found, 1.6)


def test_a_revision_is_unpacked_with_nothing_written_into_the_repository(compare, tmp_path) -> None:
    """Its packages are there; what git does not know is refused."""
    name = compare.unpack("HEAD", tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", name)
    assert (tmp_path / "console/coldplate/console/benching/pipeline.py").is_file()
    with pytest.raises(compare.Unusable, match="no-such-revision"):
        compare.unpack("no-such-revision", tmp_path)


def test_sizes_are_measured_once_each_round_and_gone_on_with(tmp_path, monkeypatch, capsys) -> None:
    """Three rounds over every setting; what is there is not measured again, and a failed run ends it with the rest kept."""
    scaling, file, asked = program("bench/scaling.py"), tmp_path / "deep" / "scaling.json", []

    def measure(point, *_):
        if len(asked) == 7:
            raise SystemExit("lost something")
        asked.append((point.gpus, point.workers, point.ticks))
        return {"values_per_s": 1}

    monkeypatch.setitem(scaling.main.__globals__, "measure", measure)
    words = ["scaling", str(file), "--gpus", "64", "128", "--workers", "1", "2", "--ticks", "5", "1", "--at-gpus", "128", "--runs", "2"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", words)
    settings = [(64, 1, 5), (128, 1, 5), (128, 2, 5), (128, 1, 1)]
    with pytest.raises(SystemExit, match="lost something"):
        scaling.main()
    assert settings + settings[:3] == asked
    asked.clear()
    scaling.main()
    assert settings[3:] == asked
    assert 8 == len(json.loads(file.read_text("utf-8"))["runs"])
    assert {"runs": 8, "file": str(file)} == json.loads(capsys.readouterr().out)


def runs():
    """Of a machine on which a stage takes a hundredth of a core, and its number of tenths for a million values a second."""
    out = []
    for gpus, workers, ticks in ((1000, 1, 5), (10_000, 1, 5), (100_000, 1, 5), (10_000, 2, 5), (10_000, 1, 1)):  # fmt: skip
        rate = gpus * 35 / 1e6
        cpu_s = {
            stage: 10.0 * (0.01 + n / 10 * rate)
            for n, stage in enumerate(("producer", "kafka", "worker", "sink", "clickhouse"), 1)
        }
        out.append({
            "point": {"gpus": gpus, "workers": workers, "ticks": ticks}, "gpus": gpus, "realtime_ratio": 1.0,
            "cores_used": sum(cpu_s.values()) / 10, "frame_to_row_p99_s": 2.0, "rss_total_mb": 1000,
            "disk_bytes_per_value_with_rollups": 0.5, "kafka_bytes_per_value": 1.0,
            "machine": {"cpu": "a processor", "cores": 2, "memory_gb": 24.0},
            **figures(cpu_s, values_per_s=rate * 1e6),
        })  # fmt: skip
    return out


def test_a_line_is_found_where_there_is_one_and_runs_that_fell_behind_do_not_count(performance) -> None:  # fmt: skip
    """A fixed part and a slope; the largest of these did not keep up."""
    alike = [r for r in runs() if (r["point"]["workers"], r["point"]["ticks"]) == (1, 5)]
    alike.append({**alike[-1], "gpus": 300_000, "values_per_s": 10.5e6, "realtime_ratio": 0.7})
    line = performance.fit(alike, "worker")
    assert (0.01, 0.3) == pytest.approx((line.fixed, line.per_million))
    assert 0.5 < line.exponent < 1.0
    with pytest.raises(SystemExit, match="fewer than two sizes kept up"):
        performance.fit(alike[-2:], "worker")


def test_the_page_has_what_was_measured_and_what_follows_for_a_million_gpus(performance, tmp_path) -> None:  # fmt: skip
    """Between its marks, the same when written again; a page without marks is refused; the picture is drawn."""
    found = {"runs": runs()}
    page = f"# P\n\nbefore\n\n{performance.BEGIN}\nold\n{performance.END}\n\nafter\n"
    once = performance.written(page, found)
    assert once == performance.written(once, found)
    assert once.startswith("# P\n\nbefore\n")
    assert once.endswith("\n\nafter\n")
    assert "old" not in once
    assert "| 10,000 | 2 | 5 | 1 | 0.35 | 1.00 |" in once
    assert "| worker | 0.010 | 0.300 |" in once
    # 35 million values a second, each as dear as at the largest size, where 3.5 take a worker 1.06 cores; at 0.6 each.
    assert "| workers | 18, on 72 partitions |" in once
    assert "worker 10.6" in once
    with pytest.raises(SystemExit, match="no line"):
        performance.written("# P\n", found)
    performance.draw(found, tmp_path / "deep" / "scaling.png")
    assert b"\x89PNG" == (tmp_path / "deep" / "scaling.png").read_bytes()[:4]


def test_the_page_is_current() -> None:
    """What was measured last is what it says, once anything was."""
    module = program("docs/performance.py")
    page = module.PAGE.read_text("utf-8")
    assert module.BEGIN in page
    if module.FOUND.exists():
        assert module.written(page, json.loads(module.FOUND.read_text("utf-8"))) == page
