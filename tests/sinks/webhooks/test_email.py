"""Mails: what matters is in the subject."""

from sinks.webhooks.told import CLUSTER, NOW_S, ended, message, pump_stop, told

from coldplate.sinks.webhooks.formats.email import EmailFormat
from coldplate.sinks.webhooks.message import Phase
from coldplate.wire.incident import Severity


def mail(*parts, **changed):
    return EmailFormat().call(message(*parts, **changed), NOW_S)


def test_the_subject_says_cluster_severity_and_what():
    """Of several incidents the worst that is open; of what is over, and of a test, none."""
    one = told(pump_stop(severity=Severity.WARNING))
    over = told(ended(pump_stop()), Phase.CLOSED)
    assert f"[{CLUSTER}] WARNING {one.text.title}" == mail(one).subject
    assert f"[{CLUSTER}] WARNING {one.text.title} (and 1 more)" == mail(one, over).subject
    assert f"[{CLUSTER}] Over: {over.text.title}" == mail(over).subject
    assert f"[{CLUSTER}] TEST, nothing" in mail(told(pump_stop(), Phase.TEST)).subject


def test_the_text_begins_with_what_happened_and_what_to_do():
    """In plain text, with where to look further."""
    one = told(pump_stop())
    text = mail(one, note="A silence has ended.").text
    assert text.startswith("A silence has ended.\n\n" + one.text.title)
    assert "What to do:\n  1. " in text
    assert text.index("What to do") < text.index("Evidence") < text.index(one.text.runbook_url)


def test_mails_of_a_group_are_a_thread_and_each_has_its_id():
    """A repeat has the id of the first, and is shown once."""
    first, second = mail(told(pump_stop())), mail(told(pump_stop(), Phase.REMINDER), id="msg_2")
    assert first.thread == second.thread
    assert ("msg_0f3a5c7e9b1d", "msg_2") == (first.id, second.id)
