"""Bodies of one's own: whatever the values are, the JSON stays one."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sinks.webhooks.told import CLUSTER, NOW_S, ended, fouling, message, pump_stop, told

from coldplate.sinks.webhooks.checks.receivers import body_fault
from coldplate.sinks.webhooks.config import Template
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.formats.template import FIELDS, filled, values
from coldplate.sinks.webhooks.message import Phase

BODY = '{"t": "${title}", "n": ${count}, "at": ${opened_ms}, "also": "${also}", "cost": "5 $$"}'


def call(*parts, body=BODY, **changed):
    receiver = Template(name="t", url="https://a.example", body=body, **changed)
    return format_of(receiver, Path()).call(message(*parts), NOW_S)


def test_fields_are_replaced():
    """Texts between quotes, numbers without; two dollars are one."""
    one, other = told(pump_stop()), told(fouling())
    assert {
        "t": f"{one.text.title} (and 1 more)", "n": 2, "at": pump_stop().opened_ms,
        "also": other.text.title, "cost": "5 $",
    } == json.loads(call(one, other).body)  # fmt: skip


def test_method_and_headers_are_ones_own():
    """A header given replaces ours of the same name."""
    found = call(told(pump_stop()), method="PUT", headers={"content-type": "text/x", "X-A": "1"})
    assert ("PUT", {"Content-Type": "text/x", "X-A": "1"}) == (found.method, dict(found.headers))


@given(st.text())
@example('"a"')
@example("${title} $$ \\")
def test_any_text_survives_between_quotes(text):
    """Quotes, backslashes, control characters, dollars and whatever else there is."""
    given_ = dict.fromkeys(FIELDS, text)
    assert text == json.loads(filled('{"a": "${title}"}', given_))["a"]


@pytest.mark.parametrize(
    "parts",
    [(), (told(pump_stop()),), (told(ended(pump_stop()), Phase.CLOSED), told(fouling()))],
    ids=["heartbeat", "one", "two"],
)
def test_every_field_has_a_value_in_every_message(parts):
    """A heartbeat too: what it does not have is empty."""
    found = values(message(*parts))
    assert set(FIELDS) == set(found)
    assert (CLUSTER, len(parts)) == (found["cluster"], found["count"])
    assert (found["closed"] != "") == (found["status"] == "resolved" or len(parts) == 2)


def test_what_the_check_takes_is_json_when_it_is_sent():
    """The check and the format read a body alike."""
    assert "" == body_fault(BODY)
    json.loads(call().body)
