"""Whatever a service answers, a tick gives numbers or nothing, and raises nothing."""

import json
import math

import pytest
from agents.redfish.services import CDU, UNIT, VALUES, Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldplate.agents.collectors.redfish_cdu import RedfishCduCollector
from coldplate.agents.collectors.redfish_hgx import RedfishHgxCollector
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.hgx import GpuIdentity
from coldplate.agents.redfish.http import Parser
from coldplate.twin.redfish_mock import Service, serve, tree

PROPERTIES = sorted(
    {
        name
        for doc in tree(VALUES, expands=True).values()
        for name in doc
        if not name.startswith("@odata.type")
    }
    | {
        "Reading",
        "DetectorState",
        "Detectors",
        "State",
        "Health",
        "Systems",
        "Processors",
        "Chassis",
    }
)
LINKS = st.sampled_from([*tree(VALUES), "/redfish/v1/none", "http://169.254.169.254/", ""])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5), LINKS, st.just(10**400), st.builds(lambda p: {"@odata.id": p}, LINKS),
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(PROPERTIES), inner, max_size=4)
    ),
    max_leaves=10,
)
CHANGES = st.dictionaries(
    st.sampled_from(sorted(tree(VALUES))),
    st.dictionaries(st.sampled_from(PROPERTIES), JSON, max_size=4),
    max_size=6,
)


@pytest.fixture(scope="module")
def service():
    docs = {}
    made = Service({"": lambda: docs})
    with serve(made) as address:
        yield docs, f"http://{address}"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(changes=CHANGES, expands=st.booleans(), node=st.booleans())
def test_a_tick_raises_nothing(service, changes, expands, node):
    """Documents with parts of them replaced by anything; what is told is finite."""
    docs, url = service
    docs.clear()
    docs.update(tree(VALUES, expands=expands))
    for path, change in changes.items():
        docs[path] = {**docs[path], **change}
    options = Redfish(url=url, budget_s=5.0, pump_ticks=1, slow_ticks=1, node_ticks=1, gpu_ticks=1)
    clock = Clock()
    if node:
        collector = RedfishHgxCollector("rack-0003/node-1", "rack-0003", (GpuIdentity("rack-0003/node-1/gpu-0", "1"),), options, clock=clock)  # fmt: skip
    else:
        collector = RedfishCduCollector(CDU, "rack-0003", url, options, clock=clock)
    for t in range(3):
        for values in collector.sample(1000 * t).values():
            assert not any(math.isinf(v) for v in values.flat)
        clock.ahead_s += 100.0
    for happening in collector.happenings():
        assert len(json.dumps(dict(happening.data))) < 5000
        assert len(happening.text) < 2000
    collector.health()
    collector.origins()
    collector.close()


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_the_parser_takes_any_bytes(data, cut):
    """An answer, more to come, or an error of ours."""
    for start in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        parser = Parser(100)
        whole = start + data
        try:
            if parser.feed(whole[:cut]) is None:
                parser.feed(whole[cut:] or b"")
        except RedfishError:
            pass


def test_a_name_without_end_is_cut(service):
    """What a device calls itself goes into events, which are bounded."""
    docs, url = service
    docs.clear()
    docs.update(tree(VALUES))
    docs[UNIT] |= {"Model": "x" * 10_000}
    collector = RedfishCduCollector(CDU, "rack-0003", url, Redfish(budget_s=5.0))
    collector.sample(0)
    (facts,) = collector.happenings()
    collector.close()
    assert 200 == len(facts.data["model"])
