"""Numbers of GPUs that stay theirs."""

import pytest

from coldplate.agents.nvml.ids import given_ids, numbers


@pytest.mark.parametrize(
    ("uuids", "known", "expected"),
    [
        (["a", "b"], {}, {"a": 0, "b": 1}),
        (["b", "a"], {"a": 0, "b": 1}, {"b": 1, "a": 0}),
        (["a", "c"], {"a": 0, "b": 1, "c": 2}, {"a": 0, "c": 2}),
        (["a", "new"], {"a": 0, "b": 1}, {"a": 0, "new": 1}),
        (["new", "a"], {"a": 0}, {"new": 1, "a": 0}),
    ],
    ids=["first sight", "renumbered", "one lost", "one replaced", "one put before"],
)
def test_a_gpu_keeps_its_number(uuids, known, expected):
    """And one that is new takes its index, or the lowest free number."""
    assert expected == numbers({uuid: index for index, uuid in enumerate(uuids)}, known)


def test_a_gpu_that_is_away_for_a_while_finds_its_number_again(tmp_path):
    """Unless another one was put in its place meanwhile."""
    a, b, c = (("GPU-a", "", 0), ("GPU-b", "", 1), ("GPU-c", "", 0))
    assert ["n/gpu-0", "n/gpu-1"] == list(given_ids("n", [a, b], {}, tmp_path).values())
    assert {"GPU-b": "n/gpu-1"} == given_ids("n", [b], {}, tmp_path)
    assert "n/gpu-0" == given_ids("n", [a, b], {}, tmp_path)["GPU-a"]
    assert {"GPU-c": "n/gpu-0", "GPU-b": "n/gpu-1"} == given_ids("n", [c, b], {}, tmp_path)
    assert "n/gpu-2" == given_ids("n", [c, b, a], {}, tmp_path)["GPU-a"]


def test_listed_ids_keep_others_off_their_numbers(tmp_path):
    """The inventory names one GPU of two; the other gets a number that is not its."""
    told = given_ids("n", [("GPU-a", "s1", 0), ("GPU-b", "s2", 1)], {"s2": "n/gpu-0"}, tmp_path)
    assert {"GPU-b": "n/gpu-0", "GPU-a": "n/gpu-1"} == told
