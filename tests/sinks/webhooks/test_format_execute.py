"""What a command is told, and on which nodes it may act."""

import json

import pytest
from sinks.webhooks.told import NOW_S, ended, fouling, message, pump_stop, told

from coldplate.sinks.webhooks.formats.execute import ExecuteFormat
from coldplate.sinks.webhooks.message import Phase


def run(*parts, now_s=NOW_S):
    return ExecuteFormat().call(message(*parts), now_s)


def test_nodes_are_those_that_suffer():
    """A GPU's node; of a pump's the nodes of its GPUs, most urgent first; each once."""
    assert ("rack-0003/node-5",) == run(told(fouling())).nodes
    assert tuple(f"rack-0003/node-{n}" for n in range(8)) == run(told(pump_stop())).nodes
    both = run(told(fouling("rack-0003/node-5/gpu-2")), told(fouling("rack-0003/node-5/gpu-7")))
    assert ("rack-0003/node-5",) == both.nodes
    assert () == run(told(pump_stop(affected=()))).nodes


def test_an_id_of_another_form_is_known_by_its_label():
    """The inventory told which node it is in."""
    one = told(fouling("GPU-8f3a", affected=()), labels={"node": "r3n5"})
    assert ("r3n5",) == run(one).nodes


LIVE = [
    (Phase.OPENED, True), (Phase.UPDATED, True), (Phase.REMINDER, False), (Phase.REFRESH, False),
    (Phase.CLOSED, False), (Phase.TEST, False),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "live"), LIVE)
def test_only_news_of_what_is_open_is_acted_on(phase, live):
    """What is not live names no node."""
    found = run(told(fouling(), phase))
    assert (live, live) == (found.live, bool(found.nodes))
    assert live == json.loads(found.stdin)["live"]


def test_what_waited_for_long_is_not_acted_on():
    """After ten minutes nobody knows whether it still holds."""
    made_s = message(told(fouling())).t_ms / 1000
    assert run(told(fouling()), now_s=made_s + 599).live
    assert not run(told(fouling()), now_s=made_s + 601).live


def test_an_end_beside_an_opening_names_the_opened_ones_nodes_alone():
    """A node that is well again is not drained with another."""
    over = told(ended(fouling("rack-0001/node-0/gpu-0")), Phase.CLOSED)
    assert ("rack-0003/node-5",) == run(told(fouling()), over).nodes


def test_the_whole_message_is_on_its_input():
    """Labels, words and numbers; a script needs nothing else."""
    found = json.loads(run(told(pump_stop())).stdin)
    assert (1, [f"rack-0003/node-{n}" for n in range(8)]) == (found["version"], found["nodes"])
    (one,) = found["message"]["told"]
    assert ("opened", "row-0", "critical") == (
        one["phase"], one["labels"]["row"], one["incident"]["severity"],
    )  # fmt: skip
    assert "msg_0f3a5c7e9b1d" == found["message"]["id"]
