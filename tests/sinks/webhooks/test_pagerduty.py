"""PagerDuty's events: one an incident, under a key that lasts as long as it."""

import json

import pytest
from sinks.webhooks.told import CLUSTER, LINKS, NOW_S, Large, ended, message, pump_stop, told

from coldplate.sinks.webhooks.config import Alerts, PagerDuty
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.message import Phase
from coldplate.wire.incident import Severity


@pytest.fixture
def event(tmp_path):
    """Makes an event."""
    (tmp_path / "key").write_text("R0UT1NG")
    made = format_of(PagerDuty(name="p", routing_key_file="key"), tmp_path, Alerts(links=LINKS))

    def of(*parts, **changed):
        call = made.call(message(*parts, **changed), NOW_S)
        assert "https://events.pagerduty.com/v2/enqueue" == call.url
        return json.loads(call.body)

    return of


ACTIONS = [
    (Phase.OPENED, "", "trigger"), (Phase.UPDATED, "", "trigger"), (Phase.UPDATED, "ada", "trigger"),
    (Phase.REMINDER, "", "trigger"), (Phase.REMINDER, "ada", "acknowledge"), (Phase.REFRESH, "ada", "acknowledge"),
    (Phase.CLOSED, "", "resolve"), (Phase.CLOSED, "ada", "resolve"),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "acked_by", "action"), ACTIONS)
def test_the_action_follows_from_phase_and_who_has_it(event, phase, acked_by, action):
    """What became worse is triggered again although somebody has it."""
    found = event(told(pump_stop(), phase, acked_by=acked_by))
    assert ("R0UT1NG", action) == (found["routing_key"], found["event_action"])
    assert f"{CLUSTER}/{pump_stop().id}" == found["dedup_key"]
    assert ("payload" in found) == (action == "trigger")


@pytest.mark.parametrize(
    ("severity", "theirs"),
    [("critical", "critical"), ("warning", "error"), ("ticket", "warning"), ("info", "info")],
)
def test_severities_are_theirs(event, severity, theirs):
    """What wakes people up is among the two that are urgent there, a ticket is not."""
    assert theirs == event(told(pump_stop(severity=Severity(severity))))["payload"]["severity"]


def test_the_payload_says_what_where_and_what_to_do(event):
    """In PagerDuty's own fields, so that its rules can use them."""
    one = told(pump_stop())
    found = event(one)
    payload, details = found["payload"], found["payload"]["custom_details"]
    assert one.text.title == payload["summary"]
    assert ("rack-0003/cdu", "rack-0003", "row-0", "pump-stop") == tuple(
        payload[name] for name in ("source", "component", "group", "class")
    )
    assert "2026-09-21T14:13:22.000Z" == payload["timestamp"]
    assert list(one.text.todo) == details["what_to_do"]
    assert "pump" == details["family"]
    assert ["Runbook", "Dashboard"] == [link["text"] for link in found["links"]]


def test_a_test_has_a_key_of_its_own_and_wakes_nobody(event):
    """It can neither end an incident nor be taken for one."""
    found = event(told(pump_stop(), Phase.TEST))
    assert f"{CLUSTER}/test/{pump_stop().id}" == found["dedup_key"]
    assert found["payload"]["summary"].startswith("TEST")
    assert "info" == found["payload"]["severity"]


def test_lengths_are_those_that_it_takes(event):
    """A cluster's name that is too long is cut, the incident's id is not."""
    found = event(told(Large().incident()), cluster="c" * 300, note="n" * 5000)
    assert 255 == len(found["dedup_key"])
    assert found["dedup_key"].endswith(pump_stop().id)
    assert len(found["payload"]["summary"]) <= 1024
    assert 2000 == len(found["payload"]["custom_details"]["note"])


def test_of_several_the_most_severe_is_sent_and_names_the_others(event):
    """It takes one event a request; the configuration refuses a route that groups for it."""
    others = [told(pump_stop(id=f"{n:012x}")) for n in range(70)]
    details = event(told(pump_stop()), *others)["payload"]["custom_details"]
    assert details["others"][0].startswith("000000000000: ")
    assert "and 20 more" == details["others"][-1]


def test_the_end_has_the_key_of_the_beginning(event):
    """However often the cause, the severity and the row changed between."""
    end = ended(pump_stop(kind="facility-water-loss", subject="hall", id=pump_stop().id, step=5))
    keys = {
        event(told(pump_stop()))["dedup_key"], event(told(end, Phase.CLOSED))["dedup_key"]
    }  # fmt: skip
    assert 1 == len(keys)
