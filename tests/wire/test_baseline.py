"""What detectors have learnt, as a record: arrays out of bytes, and which bytes are none."""

import numpy as np
import pytest

from coldplate.wire.baseline import Baselines, Block, Learnt, check, packed
from coldplate.wire.codec import decode, encode
from coldplate.wire.errors import Reason, WireError

TWO = ("r/n/gpu-0", "r/n/gpu-1")


def record(*learnt, kind="gpu", devices=TWO):
    return Baselines("c", "r", 1, (Block(kind, devices, learnt),))


def test_numbers_come_back_as_they_went():
    """Little-endian doubles, whatever they are kept in; what is not told has no length."""
    entry = Learnt("d", "n_c", "degC", packed([0.1, np.nan]), samples=packed(np.float32([1, 2])))
    (block,) = decode(Baselines, encode(record(entry))).blocks
    (back,) = block.learnt
    assert np.array_equal([0.1, np.nan], back.array("value"), equal_nan=True)
    assert [1.0, 2.0] == back.array("samples").tolist()
    assert [] == back.array("age_s").tolist() == back.array("learnt_ms").tolist()
    assert bytes.fromhex("9a9999999999b93f") == back.value[:8]


@pytest.mark.parametrize(
    "bad",
    [
        record(Learnt("d", "n", "", packed([1.0]))),
        record(Learnt("d", "n", "", b"\0" * 15)),
        record(Learnt("d", "n", "", packed([1.0, 2.0]), samples=packed([1.0]))),
        record(Learnt("d", "n", "", packed([1.0, 2.0])), kind="toaster"),
    ],
    ids=["too few", "half a number", "other lengths", "no kind"],
)
def test_a_record_that_does_not_fit_is_refused(bad):
    """Each array has a number for each device, or none at all."""
    check(record(Learnt("d", "n", "", packed([1.0, 2.0]))))
    with pytest.raises(WireError) as refused:
        check(decode(Baselines, encode(bad)))
    assert Reason.BAD_SHAPE is refused.value.reason
