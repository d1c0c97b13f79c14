"""Draws docs/live.svg, the map of `coldplate live`, of a made-up hall; run it as `python docs/live.py`."""

import asyncio
import math
import re
from dataclasses import replace
from pathlib import Path

from coldplate.console.live.app import Live
from coldplate.console.live.picture import Detail, Hall, Open, Rack, Shown
from coldplate.wire.inventory import generate

NOW_MS = 1_795_600_000_000
RACKS, SIZE = 160, (100, 22)
SICK = 47


class Drawn:
    """A hall with a stopped pump and a rack that says nothing."""

    def __init__(self) -> None:
        racks = [
            Rack(
                d.id, d.hall, d.row, 64, NOW_MS - 1000, 64, 0, 4.1e4 + 3e3 * math.sin(n), 58 + 9 * math.sin(n / 5),
                24 - 9 * math.sin(n / 5), {"flow_lpm": 64.0 + n % 3},
            )
            for n, d in enumerate(generate(RACKS, 1, 1).of_kind("rack"))
        ]  # fmt: skip
        racks[SICK] = replace(
            racks[SICK], margin_c=1.5, gpu_c=85.5, throttled=12, water={"flow_lpm": 9.4}
        )
        racks[131] = replace(racks[131], t_ms=NOW_MS - 90_000)
        sick = racks[SICK].id
        self._hall = Hall(
            NOW_MS, NOW_MS - 2000, racks,
            (
                Open("1", "critical", "pump-stop", f"{sick}/cdu", sick, NOW_MS - 75_000,
                     f"Pump 1 of {sick}/cdu stopped; flow fell to 9 of 64 l/min.", 64, "ada"),
                Open("2", "warning", "silent-node", racks[131].id, racks[131].id, NOW_MS - 90_000,
                     f"{racks[131].id} sent nothing."),
            ),
            sum(r.power_w or 0 for r in racks), -18_000.0, 10.0,
        )  # fmt: skip

    def hall(self) -> Hall:
        """Always the same."""
        return self._hall

    def detail(self, shown: Shown) -> Detail:
        """Nothing."""
        return Detail(shown)

    def close(self) -> None:
        """Nothing to let go."""


async def drawn() -> str:
    """The picture."""
    app = Live(Drawn(), 60.0)
    async with app.run_test(size=SIZE) as pilot:
        while app.hall is None:
            await pilot.pause()
        await pilot.press(*["down"] * 2, *["right"] * 7)
        await pilot.pause()
        svg = app.export_screenshot(title="coldplate live")
    # The names of classes are drawn by chance, and fonts come from the reader's machine.
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(asyncio.run(drawn()), "utf-8")
