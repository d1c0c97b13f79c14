"""Which transport a receiver has."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from coldplate.sinks.webhooks.call import Transport
from coldplate.sinks.webhooks.config import AnyReceiver, Email, Exec
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.transports.breaker import Breaker
from coldplate.sinks.webhooks.transports.execute import ExecuteTransport
from coldplate.sinks.webhooks.transports.http import HttpTransport
from coldplate.sinks.webhooks.transports.smtp import SmtpTransport


def transport_of(
    receiver: AnyReceiver, base: Path, outbox: Outbox, halls: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> Transport:  # fmt: skip
    """What makes a receiver's calls.

    Parameters
    ----------
    receiver
        As configured.
    base
        The folder that its files are relative to.
    outbox
        In whose file the breaker counts.
    halls
        The hall of each node; those that it lacks count as one hall together.
    clock
        Unix seconds.
    """
    if isinstance(receiver, Email):
        return SmtpTransport(receiver, base, clock)
    if isinstance(receiver, Exec):
        return ExecuteTransport(receiver, Breaker.of(receiver, outbox.file, halls), clock)
    return HttpTransport(receiver, base, clock)
