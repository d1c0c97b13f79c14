"""A rack's feed that carries nothing any more, while the other carries all.

The work goes on and nobody notices, until the second feed fails. Each feed's share of the rack's power is held against
its usual share, so that a rack which hangs on one feed by design has lost none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

CARRIES = 0.1
"""A feed with less of the rack's power than this share does not carry it."""


@dataclass(frozen=True)
class FeedLoss:
    """Missing share of what the worse of two feeds usually carries.

    Parameters
    ----------
    on
        Fires above this; two feeds that share a load do so within some per cent of each other (estimate).
    at_once
        Above this one tick is enough.
    least_w
        Below this a rack draws nothing: switched off, or on its battery when it did draw more.

    Notes
    -----
    48 bytes a rack. PDU readings are 1 to 3 s old (facts of Redfish power shelves; estimate).
    """

    name: str = "feed-loss"
    kind: Kind = Kind.RACK
    fault: str = "feed-loss"
    metric: str = "feed_a_w"
    severity: Severity = Severity.WARNING
    on: float = 0.8
    off: float = 0.5
    at_once: float = 0.95
    hold_s: float = 2.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 3600.0
    warm_s: float = 5.0
    least_w: float = 200.0
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("a_share", "b_share"))

    def threshold(self, baseline: float) -> float:
        """Power of feed A below which it fires, W, where A is the one."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The larger missing share of both; 1 where both carry nothing and the rack draws on."""
        a_w, b_w = tick.value("feed_a_w"), tick.value("feed_b_w")
        total_w = a_w + b_w
        with np.errstate(invalid="ignore", divide="ignore"):
            dead = total_w < self.least_w
            shares = {n: np.where(dead, np.nan, w / total_w) for n, w in (("a", a_w), ("b", b_w))}
            lost = np.full(len(total_w), np.nan)
            carried = np.zeros(len(total_w), np.bool_)
            for name, share in shares.items():
                usual = memory[f"{name}_share"][tick.rows]
                low = (share < usual * self.off) & (usual >= CARRIES)
                known = follow(
                    memory, tick, f"{name}_share", share, frozen=low.astype(np.float64),
                    tau_s=self.tau_s, warm_s=self.warm_s,
                )  # fmt: skip
                carried |= known >= CARRIES
                lost = np.fmax(lost, np.where(known >= CARRIES, 1.0 - share / known, 0.0))
                shares[name] = known
            on_battery = dead & carried & (tick.value("rack_power_w") >= self.least_w)
        return Scores(np.where(on_battery, 1.0, lost), a_w, shares["a"] * total_w)
