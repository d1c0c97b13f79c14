"""Every format against every check of the contract: pure, whole, escaped, marked, and silent about secrets."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from sinks.webhooks.told import (
    HOSTILE,
    LINKS,
    NOW_S,
    Large,
    ended,
    fouling,
    message,
    pump_stop,
    told,
)  # fmt: skip

from coldplate.sinks.webhooks.call import Call, Mail, Post, Run
from coldplate.sinks.webhooks.config import (
    AlertmanagerApi,
    AlertmanagerWebhook,
    Alerts,
    AnyReceiver,
    Email,
    Exec,
    PagerDuty,
    Slack,
    StandardWebhooks,
    Template,
)  # fmt: skip
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.formats.template import FIELDS, NUMBERS
from coldplate.sinks.webhooks.load import KINDS
from coldplate.sinks.webhooks.message import Phase, Text
from coldplate.sinks.webhooks.secrets import SecretError
from coldplate.wire.incident import Severity

URL = "https://a.example/in"
PARTS = (
    f'"{name}": ' + (f"${{{name}}}" if name in NUMBERS else f'"${{{name}}}"') for name in FIELDS
)
BODY = f"{{{', '.join(PARTS)}}}"
"""Every field there is."""

RECEIVERS: dict[str, AnyReceiver] = {
    "standard-webhooks": StandardWebhooks(name="r", url=URL, secret_files=("key",)),
    "alertmanager-webhook": AlertmanagerWebhook(name="r", url=URL, token_file="token"),
    "alertmanager": AlertmanagerApi(name="r", url=URL, token_file="token"),
    "pagerduty": PagerDuty(name="r", routing_key_file="token"),
    "slack": Slack(name="r", url_file="address"),
    "template": Template(name="r", url=URL, token_file="token", body=BODY),
    "email": Email(name="r", host="mail.example", sender="a@b.example", to=("c@d.example",)),
    "exec": Exec(name="r", command=("/bin/true",)),
}
SECRETS = {
    "key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "token": "tok-8f2a77d1",
    "address": "https://hooks.example/services/T0/B0/x1y2z3",
}
OTHERS = {
    "key": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "token": "tok-other-00",
    "address": "https://hooks.example/services/T0/B0/other00",
}
BYTES_MAX = 512_000
"""PagerDuty's limit; what is larger is no message."""

WHOLE = {"standard-webhooks", "exec"}
"""For programs: they say everything, however much it is."""


@dataclass(frozen=True)
class Case:
    """One format.

    Parameters
    ----------
    kind
        Of the receiver.
    folder
        With its secrets.
    """

    kind: str
    folder: Path

    @property
    def receiver(self):
        return RECEIVERS[self.kind]

    @property
    def secrets(self):
        """Files that it reads."""
        named = [
            getattr(self.receiver, f) for f in self.receiver.__struct_fields__ if f.endswith("file")
        ]
        return [n for n in (*named, *getattr(self.receiver, "secret_files", ())) if n]

    def make(self):
        return format_of(self.receiver, self.folder, Alerts(links=LINKS))

    def call(self, *parts, now_s=NOW_S, **changed) -> Call:
        return self.make().call(message(*parts, **changed), now_s)


@pytest.fixture(params=RECEIVERS)
def case(request, tmp_path):
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(f"{text}\n")
    return Case(request.param, tmp_path)


def content(call: Call) -> str:
    """What a person or a program reads of a call, decoded."""
    if isinstance(call, Mail):
        return f"{call.subject}\n{call.text}"
    return "\n".join(strings(json.loads(call.body if isinstance(call, Post) else call.stdin)))


def strings(value):
    """All texts in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    else:
        yield str(value)


def sent(call: Call) -> bytes:
    """All bytes of a call."""
    if isinstance(call, Mail):
        return f"{call.subject}{call.text}".encode()
    if isinstance(call, Run):
        return call.stdin
    return "\n".join((call.url, *call.headers, *call.headers.values())).encode() + call.body


def test_every_kind_of_receiver_is_checked():
    """A new kind gets its row in the table."""
    assert set(KINDS) == set(RECEIVERS)


def test_the_same_message_at_the_same_time_is_the_same_call(case):
    """A format made after a restart says the same, byte for byte."""
    assert case.call(told(pump_stop())) == case.call(told(pump_stop()))


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.HEARTBEAT])
def test_every_phase_says_which_incident(case, phase):
    """Opened, worse, still open, told again, over, or a test: the incident's id is in it."""
    incident = ended(pump_stop()) if phase is Phase.CLOSED else pump_stop()
    assert incident.id in content(case.call(told(incident, phase)))


def test_a_heartbeat_is_a_call_that_names_the_cluster(case):
    """It tells of no incident, and no format fails of that."""
    assert "hall-a" in content(case.call())


def test_a_test_is_marked(case):
    """Nobody who reads it takes it for an incident, and a command does not act on it."""
    call = case.call(told(pump_stop(), Phase.TEST))
    assert re.search("test", content(call), re.IGNORECASE)
    if isinstance(call, Run):
        assert not call.live
    else:
        assert "TEST" in content(call)


def test_an_end_is_told_as_one(case):
    """What is over looks different from what is open, in the same words for the same incident."""
    incident = pump_stop()
    over = content(case.call(told(ended(incident), Phase.CLOSED)))
    assert re.search(r"Over:|resolve|closed", over)
    assert not re.search(r"Over:|resolved|\bresolve\b", content(case.call(told(incident))))


def test_all_incidents_of_a_message_are_told(case):
    """None is lost because it came together with others, however many they are."""
    many = [
        told(pump_stop(f"rack-{n:04d}", severity=Severity.WARNING, id=f"{n:012x}"))
        for n in range(3)
    ]
    text = content(case.call(*many))
    assert [] == [one.text.title for one in many if one.text.title not in text]


def test_names_of_the_site_stay_text(case):
    """Quotes, line breaks, markup and fields in a name neither break the form nor add to it."""
    incident = fouling(cause=HOSTILE, affected=(HOSTILE,), subject=HOSTILE, rack=HOSTILE)
    text = Text(
        title=HOSTILE, what=HOSTILE, where=HOSTILE, since=HOSTILE, sure=HOSTILE, evidence=(HOSTILE,),
        affected=HOSTILE, todo=(HOSTILE,),
    )  # fmt: skip
    one = told(incident, text=text, labels={"rack": HOSTILE}, acked_by=HOSTILE)
    call = case.call(one, note=HOSTILE)
    assert "漢" in content(call)
    if isinstance(call, Post):
        assert [] == [
            v for v in (call.url, *call.headers, *call.headers.values()) if not v.isprintable()
        ]
        assert set(call.headers) == set(case.call(told(fouling())).headers)
    if isinstance(call, Mail):
        assert call.subject.isprintable()


def test_an_incident_of_nothing_but_what_must_be_there_is_told(case):
    """No labels, no words, nobody affected: a call all the same."""
    bare = fouling(cause="", affected=(), evidence=(), rack="")
    text = Text("", "", "", "", "", (), "", ())
    assert bare.id in content(case.call(told(bare, text=text, labels={})))


def test_a_huge_incident_is_a_bounded_call(case):
    """2,000 affected and 400 pieces of evidence in a message of 50 incidents still fit where it goes."""
    one = told(Large().incident())
    count = 1 if case.kind in WHOLE else 50
    assert len(sent(case.call(*[one] * count))) < BYTES_MAX * (4 if case.kind in WHOLE else 1)


def test_nothing_shows_a_secret(case):
    """Neither the format nor its call, when they are printed."""
    made = case.make()
    call = made.call(message(told(pump_stop())), NOW_S)
    shown = f"{made!r} {call!r}"
    assert [] == [name for name in case.secrets if SECRETS[name] in shown]
    assert "x1y2z3" not in shown


def test_a_changed_secret_is_used_by_the_next_call(case):
    """Keys are changed without a restart."""
    made = case.make()
    before = made.call(message(told(pump_stop())), NOW_S)
    for name in case.secrets:
        (case.folder / name).write_text(f"{OTHERS[name]} \n")
    after = made.call(message(told(pump_stop())), NOW_S)
    assert bool(case.secrets) == (sent(before) != sent(after))


def test_a_secret_that_is_missing_is_an_error_that_names_its_file(case):
    """The message waits; whoever looks learns which file to write."""
    for name in case.secrets:
        (case.folder / name).unlink()
        with pytest.raises(SecretError, match=name):
            case.call(told(pump_stop()))
        (case.folder / name).write_text(SECRETS[name])


def test_a_later_attempt_is_of_the_same_message(case):
    """What a receiver deduplicates by does not change with the time."""
    one = told(pump_stop())
    first, later = case.call(one), case.call(one, now_s=NOW_S + 300)
    if isinstance(first, Post):
        assert first.headers.get("webhook-id") == later.headers.get("webhook-id")
        assert first.url == later.url
    elif isinstance(first, Mail):
        assert first == later


def test_times_that_cannot_be_written_are_cut(case):
    """A record with a clock gone wild is told, not lost."""
    wild = replace_times(2**62)
    assert wild.id in content(case.call(told(wild, text=told(pump_stop()).text)))


def replace_times(t_ms):
    return pump_stop(opened_ms=t_ms, updated_ms=t_ms, first_tick_ms=t_ms, throttle_at_ms=t_ms)
