"""What is said while a server is away."""

import logging

from coldplate.sinks.outage import REASONS_MAX, Outage


def test_each_reason_is_said_once_an_outage(caplog):
    """Reasons that come in turn are not said in turn; after it was back they are news again; a flood of them ends."""
    caplog.set_level(logging.INFO)
    outage = Outage("Kafka", lambda: 0.0)
    for _ in range(2):
        for why in ("its certificate", "no answer", "its certificate", "no answer"):
            outage.failed(RuntimeError(why))
        outage.over()
    once = [
        "its certificate; waiting for Kafka, nothing is lost",
        "no answer",
        "Kafka answers again",
    ]
    assert once * 2 == [r.getMessage() for r in caplog.records]
    caplog.clear()
    for n in range(100):
        outage.failed(RuntimeError(f"port {n}"))
    assert REASONS_MAX == len(caplog.records)
