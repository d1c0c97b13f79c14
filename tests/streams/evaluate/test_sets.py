"""The public sets' protocols: by hand, and on the sets where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from coldplate.streams.evaluate.sets import hydraulic, nab, skab

SHARED = Path(os.environ.get("COLDPLATE_SHARED") or Path(__file__).parents[4] / "shared") / "data"


def sets(name: str) -> Path:
    """A set's folder; the test is skipped where it is not there."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no {name} under {SHARED}: name its folder in COLDPLATE_SHARED")
    return folder


def rig(anomaly: str, changepoint: str) -> skab.File:
    """A file whose rows behind the warm-up are labelled by these digits."""

    def flags(digits: str) -> np.ndarray:
        return np.array([False] * skab.WARM_UP_ROWS + [d == "1" for d in digits])

    n = skab.WARM_UP_ROWS + len(anomaly)
    return skab.File("f", np.arange(n, dtype=float), np.zeros((n, 1)), flags(anomaly), flags(changepoint))  # fmt: skip


def said(digits: str) -> np.ndarray:
    return np.array([True] * skab.WARM_UP_ROWS + [d == "1" for d in digits])


def test_outliers_are_pooled_over_rows_behind_the_warm_up():
    """What is said in the warm-up counts for nothing."""
    out = skab.score([rig("0011", "0000")], [said("0110")])
    assert (0.5, 50.0, 50.0, 1) == (out["f1"], out["far"], out["mar"], out["fp"])


def test_a_change_counts_from_its_true_point_on():
    """At once it is worth everything, a minute late as little as a false one, never a miss."""
    digits = "0" * 10 + "1" + "0" * 150
    file = rig(digits, digits)
    at_once = skab.change_points([file], [said("0" * 10 + "1" * 151)])
    late = skab.change_points([file], [said("0" * 69 + "1" * 92)])
    never = skab.change_points([file], [said("0" * 161)])
    assert pytest.approx(100.0, abs=0.01) == at_once["nab_standard"]
    assert pytest.approx(100 * (1 - 0.11) / 2, abs=1.0) == late["nab_standard"]
    assert (0.0, 1) == (never["nab_standard"], never["missed"])
    assert (0.0, 59.0) == (at_once["mean_delay_s"], late["mean_delay_s"])


def test_overlapping_windows_are_cut():
    """The right one starts where the left one ends: one point cannot hit both."""
    points = "1" + "0" * 29 + "1" + "0" * 100
    out = skab.change_points([rig(points, points)], [said("0" * 31 + "1" * 100)])
    assert 1 == out["missed"]


def test_files_without_labels_are_in_no_score():
    """Their rows are nobody's truth."""
    bare = skab.File("f", np.arange(500.0), np.zeros((500, 1)), None, None)
    assert skab.score([bare], [np.ones(500, bool)])["f1"] is None
    assert skab.change_points([bare], [np.ones(500, bool)])["nab_standard"] is None


def series(n: int, *windows: tuple[int, int]) -> nab.Series:
    return nab.Series("f", np.arange(n, dtype=float), np.zeros(n), windows)


def test_a_windows_first_row_is_worth_everything():
    """Alone it makes 100; a false row elsewhere costs its weight."""
    one = series(1000, (500, 599))
    scores = np.zeros(1000)
    scores[500] = 1.0
    assert pytest.approx(100.0) == nab.score([one], [scores])["standard"]
    scores[300] = 1.0
    out = nab.score([one], [scores], 0.5)
    assert pytest.approx(100 * (1 - 0.11 + 1) / 2) == out["standard"]
    assert (1, 1, 0) == (out["tp"], out["fp"], out["fn"])


def test_the_best_row_of_a_window_counts_and_its_last_is_worth_next_to_nothing():
    """By the sigmoid of its place."""
    one, scores = series(1000, (500, 599)), np.zeros(1000)
    scores[599] = 1.0
    late = nab.score([one], [scores], 0.5)["standard"]
    scores[550] = 1.0
    middle = nab.score([one], [scores], 0.5)["standard"]
    worth = (2 / (1 + np.exp(5 * -0.5)) - 1) / (2 / (1 + np.exp(-5.0)) - 1)
    assert pytest.approx(50 + 50 * worth) == middle
    assert 50 < late < 52


def test_probation_is_not_scored():
    """Its rows may say what they like."""
    scores = np.zeros(1000)
    scores[:150] = 1.0
    assert {"tp": 0, "fp": 0, "fn": 1} == {
        k: v for k, v in nab.score([series(1000, (500, 599))], [scores], 0.5).items() if len(k) == 2
    }


def test_the_threshold_is_the_corpus_best():
    """One for all files: what it gains in one it may cost in another."""
    good, bad = np.zeros(1000), np.full(1000, 0.4)
    good[500], bad[500] = 0.9, 0.9
    out = nab.score([series(1000, (500, 599)), series(1000)], [good, bad])
    assert 0.9 == out["threshold"]


def test_a_change_of_the_cooler_must_show_within_three_cycles():
    """Then once is enough; any other alarm behind the warm-up is false."""
    percent = np.array([3.0] * 50 + [20.0] * 50)
    a_rig = hydraulic.Rig(np.zeros((100, 60, 4)), percent)
    fired = np.zeros(100, bool)
    fired[[10, 52, 53, 80]] = True
    assert {"changes": 1, "found": 1, "delay_cycles": 2, "false_pages": 1} == hydraulic.score(a_rig, fired)  # fmt: skip


@pytest.mark.parametrize(("read", "words"), [(skab.read, "SKAB"), (nab.read, "labels"), (hydraulic.read, "TS1")])  # fmt: skip
def test_a_folder_without_the_set_is_refused(read, words, tmp_path):
    """The message says what is expected."""
    with pytest.raises(skab.SetError, match=words):
        read(tmp_path)


@pytest.mark.sets
def test_always_alarm_scores_on_skab_as_published():
    """F1 0.704 on this part, FAR 100, change points -1.5."""
    files = skab.read(sets("skab"))
    ones = [np.ones(len(f.t_s), bool) for f in files]
    out = skab.score(files, ones) | skab.change_points(files, ones)
    assert (0.704, 100.0, -1.5) == (round(out["f1"], 3), out["far"], round(out["nab_standard"], 1))


@pytest.mark.sets
def test_saying_nothing_scores_nothing_on_nab():
    """And all 55 windows of this part are there."""
    corpus = nab.read(sets("nab"))
    out = nab.score(corpus, [np.zeros(len(s.values)) for s in corpus], 0.5)
    assert (0.0, 55) == (out["standard"], out["fn"])
