"""One GPU near its limit, on made-up racks."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.plate_margin import PlateMargin
from coldplate.wire.metric import Kind


def judged(die, margin=None):
    return through(
        [PlateMargin()], Kind.GPU, {"gpu_c": die, "margin_c": 87.0 - die if margin is None else margin}
    )  # fmt: skip


def test_one_gpu_near_its_limit_pages():
    """10 K are left to one, 27 K to the others."""
    die = np.full((60, 16), 60.0)
    die[30:, 4] = 77.0
    out = judged(die)
    assert [("plate-margin", "rack-0000/node-0/gpu-4")] == fired(out)
    assert 30 == second(out[0])
    assert out[0].severity.pages


def test_a_rack_or_a_node_near_its_limit_is_no_plate():
    """Water is."""
    rack, node = np.full((60, 16), 60.0), np.full((60, 16), 60.0)
    rack[30:] = 78.0
    node[30:, :8] = 78.0
    assert [] == fired(judged(rack)) + fired(judged(node))


def test_one_reading_alone_is_not_believed():
    """A margin of 5 K at 60 degC, beside peers with 27 K at 60 degC."""
    die = np.full((60, 16), 60.0)
    margin = 87.0 - die
    margin[30:, 4] = 5.0
    assert [] == fired(judged(die, margin))
