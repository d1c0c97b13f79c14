"""What a real Alertmanager is told, as far as it needs none; tests/soak/test_alertmanager.py asks a real one."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from sinks.webhooks.told import NOW_S, T0_MS, ended, message, pump_stop, told

from coldplate.sinks.webhooks.config import AlertmanagerApi, Alerts, Heartbeat
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.message import Phase
from coldplate.wire.incident import Evidence


def call(*parts, every_s=60.0, now_s=NOW_S, url="https://am.example/prefix/"):
    receiver = AlertmanagerApi(name="am", url=url, refresh_s=30.0)
    made = format_of(receiver, Path(), Alerts(heartbeat=Heartbeat(every_s=every_s)))
    return made.call(message(*parts), now_s)


def alert(*parts, **changed):
    (one,) = json.loads(call(*parts, **changed).body)
    return one


def ends_s(one):
    return datetime.fromisoformat(one["endsAt"]).timestamp()


def test_the_address_is_the_alertmanagers():
    """With a path of its own or without, with a slash or without."""
    assert "https://am.example/prefix/api/v2/alerts" == call(told(pump_stop())).url
    assert (
        "https://am.example/api/v2/alerts" == call(told(pump_stop()), url="https://am.example").url
    )


def test_an_alert_ends_five_refreshes_after_it_was_told():
    """Counted from the attempt: one that waited a minute to be told lasts as long."""
    for now_s in (NOW_S, NOW_S + 60.0):
        assert pytest.approx(now_s + 150.0, abs=0.01) == ends_s(
            alert(told(pump_stop()), now_s=now_s)
        )


def test_an_end_is_in_the_past_and_not_before_the_start():
    """An end in the Alertmanager's future would still fire; one before the start it refuses."""
    incident = ended(pump_stop(), 60.0)
    over = told(incident, Phase.CLOSED)
    assert incident.closed_ms / 1000 == ends_s(alert(over, now_s=NOW_S + 600))
    early_s = T0_MS / 1000 - 100.0
    one = alert(over, now_s=early_s)
    assert (early_s, one["endsAt"]) == (ends_s(one), one["startsAt"])


def test_an_end_that_a_person_told_is_that_of_the_message():
    """Detection has not closed it: its record has no end."""
    one = alert(told(pump_stop(), Phase.CLOSED), now_s=NOW_S + 600)
    assert message(told(pump_stop())).t_ms / 1000 == ends_s(one)


def test_which_jobs_run_is_no_label():
    """Labels are what an alert is: a job that ends would be an alert that ends."""
    job = Evidence("hung-job", "rack-0003/cdu", "job", T0_MS, 4711.0)
    one = alert(told(pump_stop(evidence=(job,))))
    assert ("4711", None) == (one["annotations"].get("job"), one["labels"].get("job"))


def test_a_heartbeat_outlives_the_time_to_the_next():
    """However seldom it comes, it ends only when several stayed away."""
    assert pytest.approx(NOW_S + 5 * 600.0, abs=0.01) == ends_s(alert(every_s=600.0))
    assert pytest.approx(NOW_S + 5 * 30.0, abs=0.01) == ends_s(alert(every_s=10.0))


def test_without_links_there_is_no_address_to_refuse():
    """Its validator takes no empty one."""
    one = told(pump_stop())
    bare = alert(told(one.incident, text=type(one.text)("t", "", "", "", "", (), "", ())))
    assert "generatorURL" not in bare
