"""What the server counts of itself, and its page in Prometheus' text format 0.0.4."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Counts:
    """Since the start; written from the event loop alone."""

    requests: Counter[str] = field(default_factory=Counter)
    """By class of status, such as `2xx`."""
    viewers: int = 0
    replaying: int = 0
    connections: int = 0
    thinned: int = 0
    """Pictures that a viewer was not sent, because the one before was still on its way."""
    stuck: int = 0
    bytes_sent: Counter[str] = field(default_factory=Counter)
    """Of bodies and messages, by to whom: `viewers`, `requests`."""
    pictures: int = 0
    away: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """By reason: `full`, `slow`, `unreadable`, `token`, `host`, `origin`, `busy`."""
    reloads: Counter[str] = field(default_factory=Counter)
    """Configurations read again, by outcome; counted by whoever runs the server."""

    def rendered(self) -> str:
        """The page of `/metrics`."""
        of = (
            ("requests", "counter", "Requests by class of status", _by("status", self.requests)),
            ("refused", "counter", "Connections and requests refused, by reason", _by("reason", self.refused)),
            ("viewers", "gauge", "Pages that look", {"": self.viewers}),
            ("replaying", "gauge", "Pages that look at the past", {"": self.replaying}),
            ("connections", "gauge", "Open connections", {"": self.connections}),
            ("pictures", "counter", "Pictures that the history gave", {"": self.pictures}),
            ("away", "counter", "Times that the history did not give one", {"": self.away}),
            ("thinned", "counter", "Pictures left out for a viewer that had not taken the one before", {"": self.thinned}),
            ("stuck", "counter", "Viewers let go because they took nothing", {"": self.stuck}),
            ("reloads", "counter", "Configurations read again, by outcome: taken, refused", _by("outcome", self.reloads)),
            ("sent_bytes", "counter", "Bytes of messages to viewers, and of bodies", _by("to", self.bytes_sent)),
        )  # fmt: skip
        out: list[str] = []
        for name, kind, meaning, samples in of:
            whole = f"coldplate_web_{name}" + ("_total" if kind == "counter" else "")
            out += [f"# HELP {whole} {meaning}", f"# TYPE {whole} {kind}"]
            out += [f"{whole}{labels} {value}" for labels, value in samples.items()]
        return "\n".join(out) + "\n"


def _by(label: str, counted: Mapping[str, int]) -> dict[str, int]:
    return {f'{{{label}="{value}"}}': n for value, n in sorted(counted.items())}
