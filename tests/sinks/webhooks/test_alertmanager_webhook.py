"""An Alertmanager's webhook as we imitate it; tests/soak/test_alertmanager.py holds it against the real one."""

import json
from pathlib import Path

from sinks.webhooks.told import CLUSTER, LINKS, NOW_S, ended, fouling, message, pump_stop, told

from coldplate.sinks.webhooks.config import AlertmanagerWebhook, Alerts, Route
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.message import Phase
from coldplate.wire.incident import Severity

ALERTS = Alerts(routes=(Route(name="the-rest", to=("r",), group_by=("row", "job")),), links=LINKS)


def body(*parts, alerts=ALERTS, **changed):
    made = format_of(AlertmanagerWebhook(name="r", url="https://a.example"), Path(), alerts)
    return json.loads(made.call(message(*parts, **changed), NOW_S).body)


def test_an_alert_is_the_incident_from_its_opening_to_its_end():
    """Severity, kind, subject and row may change: the fingerprint and the start do not, and the end is that of the incident."""
    incident = pump_stop(severity=Severity.WARNING)
    moved = pump_stop(kind="facility-water-loss", subject="hall", id=pump_stop().id, step=3)
    found = [
        body(told(i, phase))["alerts"][0]
        for i, phase in (
            (incident, Phase.OPENED), (moved, Phase.UPDATED), (ended(moved), Phase.CLOSED),
        )
    ]  # fmt: skip
    assert 1 == len({alert["fingerprint"] for alert in found})
    assert 1 == len({alert["startsAt"] for alert in found})
    assert ["firing", "firing", "resolved"] == [alert["status"] for alert in found]
    assert ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-09-21T14:14:22.000Z"] == [
        alert["endsAt"] for alert in found
    ]
    assert ["pump-stop", "facility-water-loss", "facility-water-loss"] == [
        alert["labels"]["alertname"] for alert in found
    ]


def test_a_test_and_another_cluster_are_other_alerts():
    """Neither ends what is open."""
    real = body(told(pump_stop()))["alerts"][0]["fingerprint"]
    assert real != body(told(pump_stop(), Phase.TEST))["alerts"][0]["fingerprint"]
    assert real != body(told(pump_stop()), cluster="b")["alerts"][0]["fingerprint"]


def test_common_is_what_all_have_and_the_group_is_the_routes():
    """A label that an incident lacks is empty in the group, as it was when it was grouped."""
    found = body(told(pump_stop()), told(fouling()))
    assert {"row": "row-0", "job": ""} == found["groupLabels"]
    assert {"cluster": CLUSTER, "hall": "hall", "row": "row-0", "rack": "rack-0003"} == found[
        "commonLabels"
    ]
    assert {} == found["commonAnnotations"]
    assert "firing" == body(told(ended(pump_stop()), Phase.CLOSED), told(fouling()))["status"]
    assert "resolved" == body(told(ended(pump_stop()), Phase.CLOSED))["status"]


def test_without_grouping_the_group_is_the_incident():
    """So receivers that thread by group thread by incident."""
    found = body(told(pump_stop()), alerts=Alerts())
    assert {"incident": pump_stop().id} == found["groupLabels"]
    assert f"{CLUSTER}/{pump_stop().id}" == found["groupKey"]


def test_a_heartbeat_fires_and_pages_nobody():
    """It is an alert of its own name, of a severity for which no route pages."""
    found = body()
    assert "firing" == found["status"]
    assert {"alertname": "coldplate-heartbeat", "cluster": CLUSTER, "severity": "none"} == found[
        "commonLabels"
    ]
