"""A desk at which a policy sits: records go in, messages come out, time passes when told to."""

from sinks.webhooks.lives import T0_MS, action

from coldplate.sinks.webhooks.config import AlertmanagerApi, Alerts, Route, Slack
from coldplate.sinks.webhooks.message import Text
from coldplate.sinks.webhooks.policy import Policy
from coldplate.wire.inventory import generate
from coldplate.wire.silence import Silence

HOUR_MS = 3_600_000
HALL = generate(25)
CHAT, MUTE, PROMETHEUS = (
    Slack(name="chat"), Slack(name="mute", closings=False),
    AlertmanagerApi(name="prometheus", refresh_s=60.0),
)  # fmt: skip


def texts(found, labels, now_ms):
    return Text(f"{found.kind} on {found.subject}", "", "", "", "", (), "", ())


class Desk:
    """A policy with its clock; everything it said, as (second, receiver, group's members with phase, note)."""

    def __init__(self, *routes, receivers=(CHAT, MUTE, PROMETHEUS), inventory=HALL):
        routes = routes or (Route(name="pages", to=("chat",)),)
        self.alerts, self.inventory = Alerts(receivers=receivers, routes=routes), inventory
        self.states, self.messages, self.actions = {}, [], []
        self.now_ms = T0_MS
        self.policy = self.start()

    def start(self):
        self.policy = Policy(self.alerts, self.inventory, texts, "test", "one")
        self.policy.restore(self.states.items())
        return self.policy

    def take(self, *records):
        for record in records:
            self.policy.take(record, self.now_ms)
        return self.turn()

    def turn(self):
        turn = self.policy.due(self.now_ms)
        self.messages += turn.messages
        self.actions += turn.actions
        for key, data in turn.states.items():
            if data is None:
                self.states.pop(key)
            else:
                self.states[key] = data
        return [brief(m) for m in turn.messages]

    def until(self, seconds):
        """Let time pass, turn by turn as `next_ms` asks for; what was said meanwhile."""
        end_ms, out = T0_MS + round(seconds * 1000), []
        while (at_ms := self.policy.next_ms()) is not None and at_ms <= end_ms:
            self.now_ms = max(self.now_ms, at_ms)
            out += [((self.now_ms - T0_MS) / 1000, *said) for said in self.turn()]
        self.now_ms = end_ms
        return out


def brief(message):
    told = " ".join(f"{t.incident.id}:{t.phase}" for t in message.told)
    return (message.receiver, told, *([message.note] if message.note else []))


def silence(begin_s=0, end_s=3600, id_="5111", **more):
    given = {"subject": "rack-0003"} | more
    return Silence(id_, "work", "bo", T0_MS + begin_s * 1000, T0_MS + end_s * 1000, **given)


def silenced(n=0, verb="silence", **more):
    return action(verb, n, id_="", silence=silence(**more))
