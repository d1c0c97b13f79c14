"""A node's branch by its flow, on made-up racks."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.branch import NodeFlow
from coldplate.wire.metric import Kind


def flows(seconds=120, nodes=8):
    return 8.0 * (1.0 + 0.005 * np.random.default_rng(4).standard_normal((seconds, nodes)))


def judged(flow):
    return through([NodeFlow()], Kind.NODE, {"node_flow_lpm": flow}, per_node=1)


def test_a_hose_that_costs_a_tenth_is_named_after_three_seconds():
    """It pages, on the node."""
    flow = flows()
    flow[60:, 5] *= 0.9
    out = judged(flow)
    assert [("node-flow", "rack-0000/node-5")] == fired(out)
    assert 63 == second(out[0])
    assert out[0].severity.pages


def test_a_hose_that_shuts_is_named_at_once():
    """Less than half is left."""
    flow = flows()
    flow[60:, 5] *= 0.3
    assert 60 == second(judged(flow)[0])


def test_what_the_whole_rack_loses_is_the_pumps():
    """Half the flow of all nodes."""
    flow = flows()
    flow[60:] *= 0.5
    assert [] == fired(judged(flow))


def test_a_meter_that_wanders_is_no_hose():
    """A third less over five minutes."""
    flow = flows(400)
    flow[60:360, 5] *= np.linspace(1.0, 0.67, 300)
    flow[360:, 5] *= 0.67
    assert [] == fired(judged(flow))


def test_it_clears_when_the_flow_is_back():
    """Five seconds after."""
    flow = flows()
    flow[40:80, 5] *= 0.8
    assert [(43, True), (85, False)] == [(second(c), c.on) for c in judged(flow)]
