"""Standard Webhooks: JSON with a signature that the receiver can check with a library of its own language.

    POST
    webhook-id: MESSAGE    webhook-timestamp: UNIX SECONDS    webhook-signature: v1,BASE64 v1,BASE64

    {"type": "incident.opened", "timestamp": "...", "data": {"cluster": "hall-a", "incidents": [...]}}

The signature is HMAC-SHA256 over `id.timestamp.body`, once with each key, so that sender and receiver may change keys at
different times. The id is that of the message and stays the same when it is sent again: what a receiver has had, it may
answer with 2xx and forget.

References
----------
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest
from typing import Any

import msgspec

from coldplate.sinks.webhooks.call import Post
from coldplate.sinks.webhooks.formats.said import headline, iso, over, phase_of
from coldplate.sinks.webhooks.formats.target import Target, body_of
from coldplate.sinks.webhooks.message import Message, Phase, Told
from coldplate.sinks.webhooks.secrets import Secret, SecretError

PREFIX = "whsec_"
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64
VERSION = 1
"""Of `data`: fields may be added, none changes its meaning."""


@dataclass(frozen=True, slots=True)
class StandardFormat:
    """Makes signed calls.

    Parameters
    ----------
    target
        Where to.
    secrets
        Keys, the current first.
    """

    target: Target
    secrets: tuple[Secret, ...]

    def call(self, message: Message, now_s: float) -> Post:
        """The call; an attempt that comes later has another timestamp and so another signature."""
        body = body_of({
            "type": type_of(message), "timestamp": iso(message.t_ms), "data": data_of(message),
        })  # fmt: skip
        at = str(int(now_s))
        signed = f"{message.id}.{at}.".encode() + body
        signatures = (signature(self._key(secret), signed) for secret in self.secrets)
        return self.target.post(body, {
            "webhook-id": message.id, "webhook-timestamp": at, "webhook-signature": " ".join(signatures),
        })  # fmt: skip

    def _key(self, secret: Secret) -> bytes:
        try:
            return key_of(secret.value)
        except ValueError as error:
            raise SecretError(f"{secret.path}: {error}") from None


def signature(key: bytes, signed: bytes) -> str:
    """A signature as the header has it."""
    return f"v1,{b64encode(digest(key, signed, sha256)).decode()}"


def key_of(text: str) -> bytes:
    """The key in a secret's text.

    Raises
    ------
    ValueError
        Saying what a key looks like; without a part of it.
    """
    try:
        key = b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(
            f"is no key; write `{PREFIX}` and the base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} random bytes"
        )
    return key


def type_of(message: Message) -> str:
    """What receivers choose by; of a message that tells several things, the newest of them."""
    phase = phase_of(message)
    return phase.value if phase is Phase.HEARTBEAT else f"incident.{phase}"


def data_of(message: Message) -> dict[str, Any]:
    """A message as plain values: the form for those who have no form of their own."""
    return {
        "version": VERSION,
        "cluster": message.cluster,
        "message": message.id,
        "receiver": message.receiver,
        "route": message.route,
        "group": message.group,
        "number": message.number,
        "test": phase_of(message) is Phase.TEST,
        "firing": message.firing,
        "title": headline(message),
        "note": message.note,
        "incidents": [_incident(told) for told in message.told],
    }


def _incident(told: Told) -> dict[str, Any]:
    incident = told.incident
    return {
        "phase": told.phase.value,
        "status": "resolved" if over(told) else "firing",
        "id": incident.id,
        "kind": incident.kind,
        "severity": incident.severity.value,
        "subject": incident.subject,
        "rack": incident.rack,
        "opened": iso(incident.opened_ms),
        "updated": iso(incident.updated_ms),
        "closed": None if incident.closed_ms is None else iso(incident.closed_ms),
        "throttle_at": None if incident.throttle_at_ms is None else iso(incident.throttle_at_ms),
        "cause": incident.cause,
        "affected": list(incident.affected),
        "acked_by": told.acked_by,
        "labels": dict(told.labels),
        "text": msgspec.to_builtins(told.text),
        "evidence": [
            {f: getattr(e, f) for f in e.__struct_fields__} for e in incident.evidence
        ],
    }  # fmt: skip
