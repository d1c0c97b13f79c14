"""Wrong tokens: each costs the client that sent it more time, and after some it must wait."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

WRONG_MAX = 5
"""Within `FORGET_S`; then a client has no more tokens looked at."""

FORGET_S = 60.0
SLOWED_S = 0.2
"""For the first wrong one; each further one takes so much longer."""

CLIENTS_MAX = 10_000
"""Remembered; the oldest is forgotten first."""


class Attempts:
    """By client.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long a client must wait before another token of its is looked at.

        Examples
        --------
        >>> attempts = Attempts(lambda: 0.0)
        >>> [attempts.wrong("192.0.2.1") for _ in range(WRONG_MAX)][-1], attempts.wait_s("192.0.2.1")
        (1.0, 60.0)
        >>> attempts.wait_s("192.0.2.2")
        0.0
        """
        last_s, count = self._known(client(address))
        return last_s + FORGET_S - self._clock() if count >= WRONG_MAX else 0.0

    def wrong(self, address: str) -> float:
        """Note a wrong token; how long its answer is to take."""
        who = client(address)
        _, count = self._known(who)
        self._wrong[who] = (self._clock(), count + 1)
        self._wrong.move_to_end(who)
        if len(self._wrong) > CLIENTS_MAX:
            self._wrong.popitem(last=False)
        return SLOWED_S * (count + 1)

    def _known(self, who: str) -> tuple[float, int]:
        last_s, count = self._wrong.get(who, (0.0, 0))
        if count and self._clock() - last_s >= FORGET_S:
            del self._wrong[who]
            return 0.0, 0
        return last_s, count


def client(address: str) -> str:
    """Who an address belongs to: with IPv6 a client has a whole network of them.

    Examples
    --------
    >>> client("2001:db8::1") == client("2001:db8::2"), client("192.0.2.1")
    (True, '192.0.2.1')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
