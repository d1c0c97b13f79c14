"""Standard Webhooks, checked by the library that receivers use."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sinks.webhooks.told import (
    CLUSTER,
    NOW_S,
    T0_MS,
    ended,
    fouling,
    message,
    pump_stop,
    told,
)  # fmt: skip
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from coldplate.sinks.webhooks.config import StandardWebhooks
from coldplate.sinks.webhooks.formats.making import format_of
from coldplate.sinks.webhooks.formats.standard import key_of
from coldplate.sinks.webhooks.message import Phase
from coldplate.sinks.webhooks.secrets import SecretError

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def made(tmp_path):
    """A format that signs with the new key and the old one."""
    (tmp_path / "new").write_text(f"{NEW}\n")
    (tmp_path / "old").write_text(OLD.removeprefix("whsec_"))
    receiver = StandardWebhooks(name="r", url="https://a.example/in", secret_files=("new", "old"))
    return format_of(receiver, tmp_path)


def now_s():
    """The library compares with the machine's clock."""
    return datetime.now(UTC).timestamp()


@pytest.mark.parametrize("key", [OLD, NEW])
def test_a_receiver_with_either_key_takes_it(made, key):
    """While keys are changed, who has the old one and who has the new one both verify."""
    call = made.call(message(told(pump_stop())), now_s())
    assert json.loads(call.body) == Webhook(key).verify(call.body, dict(call.headers))


@pytest.mark.parametrize("what", ["key", "body", "id", "time"])
def test_what_was_changed_on_the_way_is_refused(made, what):
    """Each of the signed parts, and a key that is neither."""
    call = made.call(message(told(pump_stop())), now_s())
    headers, body = dict(call.headers), call.body
    if what == "body":
        body = body.replace(b"critical", b"info")
    elif what != "key":
        name = {"id": "webhook-id", "time": "webhook-timestamp"}[what]
        headers[name] = str(int(now_s()) - 7) if what == "time" else "other"
    key = "whsec_" + b64encode(b"x" * 24).decode() if what == "key" else NEW
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(body, headers)


def test_the_id_is_the_messages_and_the_time_that_of_the_attempt(made):
    """A receiver tells a repeat by its id, and takes it although the first attempt was long ago."""
    first, later = (made.call(message(told(pump_stop())), NOW_S + s) for s in (0, 3600.9))
    assert "msg_0f3a5c7e9b1d" == first.headers["webhook-id"] == later.headers["webhook-id"]
    assert str(int(NOW_S) + 3600) == later.headers["webhook-timestamp"]
    assert first.body == later.body
    assert first.headers["webhook-signature"] != later.headers["webhook-signature"]


TYPES = {
    "incident.opened": (told(pump_stop()),),
    "incident.updated": (told(pump_stop(), Phase.UPDATED),),
    "incident.reminder": (told(pump_stop(), Phase.REMINDER),),
    "incident.refresh": (told(pump_stop(), Phase.REFRESH),),
    "incident.closed": (told(ended(pump_stop()), Phase.CLOSED),),
    "incident.test": (told(pump_stop(), Phase.TEST),),
    "heartbeat": (),
}


@pytest.mark.parametrize("type_", TYPES)
def test_receivers_choose_by_type(made, type_):
    """One type a phase."""
    assert type_ == json.loads(made.call(message(*TYPES[type_]), NOW_S).body)["type"]


def test_a_message_of_several_is_called_by_its_newest(made):
    """Who listens to openings alone misses none that comes beside an end."""
    parts = (told(ended(pump_stop()), Phase.CLOSED), told(fouling()))
    body = json.loads(made.call(message(*parts), NOW_S).body)
    assert "incident.opened" == body["type"]
    assert ["closed", "opened"] == [i["phase"] for i in body["data"]["incidents"]]
    assert ["resolved", "firing"] == [i["status"] for i in body["data"]["incidents"]]


def test_the_data_is_the_whole_incident(made):
    """A program needs no second question: labels, numbers with their limits, who suffers, words."""
    body = json.loads(made.call(message(told(pump_stop(), acked_by="ada")), NOW_S).body)
    assert "2026-09-21T14:13:23.000Z" == body["timestamp"]
    assert (1, CLUSTER, True, False) == tuple(
        body["data"][name] for name in ("version", "cluster", "firing", "test")
    )
    (incident,) = body["data"]["incidents"]
    assert ("pump-stop", "critical", "rack-0003/cdu", "ada") == tuple(
        incident[name] for name in ("kind", "severity", "subject", "acked_by")
    )
    assert 64 == len(incident["affected"])
    assert "2026-09-21T14:13:29.000Z" == incident["throttle_at"]
    assert "row-0" == incident["labels"]["row"]
    assert {
        "detector": "flow-loss", "subject": "rack-0003/cdu", "metric": "flow_lpm", "t_ms": T0_MS + 2000,
        "value": 21.4, "threshold": 40.0, "baseline": 62.3, "note": "",
    } == incident["evidence"][1]  # fmt: skip
    assert incident["text"]["todo"]


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "hunter2 hunter2"])
def test_what_is_no_key_is_said_without_it(tmp_path, text):
    """Too short, or no base64: the file is named, its text is not."""
    with pytest.raises(ValueError, match="is no key; write `whsec_`"):
        key_of(text)
    (tmp_path / "key").write_text(text or "x")
    receiver = StandardWebhooks(name="r", url="https://a.example", secret_files=("key",))
    with pytest.raises(SecretError, match="/key: is no key") as caught:
        format_of(receiver, Path(tmp_path)).call(message(told(pump_stop())), NOW_S)
    assert "hunter2" not in str(caught.value)
