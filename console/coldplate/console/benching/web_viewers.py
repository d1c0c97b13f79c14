"""Pages that look at the live hall, for its benchmark: `python -m` this with the address, how many, and for how long; counts on stdout as JSON.

One process for all, beside the server's; each decodes what it is sent, so that a message that fits no picture is found.
"""

import asyncio
import json
import sys
import time
import zlib
from dataclasses import dataclass, field

import aiohttp
import numpy as np

from coldplate.dashboards.web.channels import CHANNELS
from coldplate.dashboards.web.message import HEADER, SNAPSHOT

SETTLE_S = 20.0
"""The first looks fill what is asked for seldom; what comes later is what a page costs."""

PLACES = ("margin", "temperature", "power")
"""Channels that viewers look at, in turn."""


@dataclass
class Viewer:
    """One page.

    Parameters
    ----------
    channel
        That it looks at.
    snapshot_ms
        From connecting to the first whole picture; None before.
    counted
        Bytes of messages while counting.
    wrong
        Messages that did not fit to what was there.
    """

    channel: str
    snapshot_ms: float | None = None
    counted: int = 0
    pictures: int = 0
    wrong: int = 0
    cells: np.ndarray[tuple[int], np.dtype[np.uint8]] = field(default_factory=lambda: np.zeros(0, np.uint8))  # fmt: skip
    _next: int = 0

    def take(self, message: bytes) -> None:
        """A binary message."""
        _, _, kind, _, _, _, _, number, cells, _ = HEADER.unpack_from(message)
        change = np.frombuffer(zlib.decompress(message[HEADER.size :]), np.uint8)
        if kind == SNAPSHOT:
            self.cells, self._next = change.copy(), 1
            return
        if number != self._next or len(self.cells) != cells:
            self.wrong += 1
        else:
            self.cells += change
        self._next = number + 1


async def look(session: aiohttp.ClientSession, url: str, viewer: Viewer, seconds: float) -> None:
    """From connecting until the time is over."""
    began_s = time.monotonic()
    async with session.ws_connect(f"{url}api/live", max_msg_size=1 << 24) as page:
        await page.send_str(json.dumps({"look": viewer.channel}))
        while (now_s := time.monotonic() - began_s) < SETTLE_S + seconds:
            try:
                message = await page.receive(timeout=SETTLE_S + seconds - now_s)
            except TimeoutError:
                return
            counts = time.monotonic() - began_s >= SETTLE_S
            if message.type is aiohttp.WSMsgType.BINARY:
                viewer.take(message.data)
                if viewer.snapshot_ms is None:
                    viewer.snapshot_ms = 1000 * (time.monotonic() - began_s)
                viewer.pictures += counts
                viewer.counted += len(message.data) if counts else 0
            elif message.type is aiohttp.WSMsgType.TEXT:
                viewer.counted += len(message.data.encode()) if counts else 0
            else:
                raise ConnectionError(f"the server closed: {message}")


async def newcomer(session: aiohttp.ClientSession, url: str, viewer: Viewer) -> None:
    """One that comes while others look, and goes when it has seen the hall."""
    await asyncio.sleep(SETTLE_S / 2)
    began_s = time.monotonic()
    async with session.ws_connect(f"{url}api/live", max_msg_size=1 << 24) as page:
        await page.send_str(json.dumps({"look": viewer.channel}))
        async for message in page:
            if message.type is aiohttp.WSMsgType.BINARY:
                viewer.take(message.data)
                viewer.snapshot_ms = 1000 * (time.monotonic() - began_s)
                return


async def main(url: str, count: int, seconds: float) -> int:
    """All of them."""
    known = {c.name for c in CHANNELS}
    viewers = [Viewer(PLACES[n % len(PLACES)]) for n in range(count)]
    assert known.issuperset(PLACES)
    late = Viewer(PLACES[0])
    async with aiohttp.ClientSession() as session:
        looks = [look(session, url, v, seconds) for v in viewers]
        await asyncio.gather(*looks, newcomer(session, url, late))
    told = [
        {
            "channel": v.channel, "kbit_s": 8 * v.counted / 1000 / seconds, "snapshot_ms": v.snapshot_ms,
            "pictures": v.pictures, "wrong": v.wrong, "cells": int(np.count_nonzero(v.cells)),
        }
        for v in viewers
    ]  # fmt: skip
    sys.stdout.write(json.dumps({"viewers": told, "newcomer_ms": late.snapshot_ms}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
