"""A straggler: a GPU that does less than its peers, in a job whose steps have become longer.

A synchronous job goes at the pace of its slowest GPU. Two things are seen together: the frequency of the whole job's
power swing, which is that of its steps, falls; and one GPU departs from the others of its job and rack in clock, memory
traffic or power, against how it usually stands to them. Either alone is no fault: a job may change what it does, and
GPUs differ.

Values are gathered over blocks of 6 s (blocks.py), in which a training step is seen at several phases; all GPUs of a job
are at the same one, so that the phase falls out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick, coarsely
from coldplate.streams.detectors.blocks import (
    BLOCK_S,
    PEERS_MIN,
    or_zero,
    told,
)
from coldplate.streams.regression import medians
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

NONE = float("nan")
SIGNS = ("sm_clock_mhz", "mem_util_ratio", "power_w")
OFF_W = 20.0
"""A GPU that draws less is off (an idle H200 draws 70 W and more, recorded), and nobody's peer."""

LEAST_RATIO = 0.02
"""Memory traffic below this share is none to compare."""

WAITS_W = 200.0
"""Between a GPU that only waits (129 W) and the least of real work (405 W), recorded on an H200, as in hang.py."""

FIRST_BLOCKS, MOST_MOVED = 10.0, 0.0005
"""From then on how a GPU stands moves by no more a block: what it does while it hangs or is capped is not usual."""


@dataclass(frozen=True)
class Straggler:
    """Share by which a GPU departs from its peers while its job's steps are longer than usual.

    Parameters
    ----------
    on
        Two steps of an SM clock of 15 MHz at 1470 MHz, and half a step of memory utilisation (recorded on an H200).
    slower
        Share by which the job's frequency must have fallen; it is told to 0.01 Hz.
    hold_s
        Two blocks.
    usual_s
        Memory of how a GPU stands to its peers, and of the job's frequency.

    Notes
    -----
    36 bytes a GPU. Needs the burst features (`swing_hz`) and four peers of the job in the rack; a steady job has no steps
    by which its pace could be told, and is not judged; nor is a job that waits. While the pace is slow nothing is learnt.
    """

    name: str = "straggler"
    kind: Kind = Kind.GPU
    fault: str = "straggler"
    metric: str = "sm_clock_mhz"
    severity: Severity = Severity.WARNING
    on: float = 0.022
    off: float = 0.012
    at_once: float = 10.0
    hold_s: float = 6.0
    clear_s: float = 12.0
    joined: bool = True
    every_s: ClassVar[int] = 6
    needs: tuple[str, ...] = ()
    slower: float = 0.022
    usual_s: float = 120.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            "job": NONE,
            **coarsely(
                {f"{s}_usual": NONE for s in SIGNS}
                | {"hz_usual": NONE, "blocks": 0.0, "score": NONE, "peers": NONE}
            ),
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:
        """Clock above which it fires, MHz, where the clock is what departs."""
        return baseline * (1.0 + self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The largest departure of a block, until the next one's; 0 while the job keeps its pace."""
        clock = tick.value("sm_clock_mhz")
        there, rows = told(tick, *(tick.mean(sign) for sign in SIGNS)), tick.at
        with np.errstate(invalid="ignore"):
            there &= tick.mean("power_w") >= OFF_W
        self._judge(memory, tick if there.all() else tick.part(np.flatnonzero(there)))
        seen = np.isfinite(clock) & np.isfinite(tick.value("swing_hz"))
        score = np.where(seen, memory["score"][rows], np.nan)
        return Scores(score, clock, memory["peers"][rows].copy())

    def _judge(self, memory: Memory, mine: Tick) -> None:
        rows, hz = mine.at, mine.value("swing_hz")
        # Who tells nothing at the end of a block has not changed its job.
        silent = np.isnan(mine.value("power_w"))
        job = np.where(silent, memory["job"][rows], mine.value("job"))
        means = [mine.mean(sign) for sign in SIGNS]
        anew = ~(memory["job"][rows] == job)
        memory["job"][rows] = job
        blocks = np.where(anew, 0.0, memory["blocks"][rows] + 1.0)
        memory["blocks"][rows] = blocks
        usual_hz = np.where(anew, np.nan, memory["hz_usual"][rows])
        with np.errstate(invalid="ignore"):
            slow = hz < usual_hz * (1.0 - self.slower)
        share = 1.0 / np.minimum(blocks + 1.0, self.usual_s / BLOCK_S)
        key = (mine.rack.astype(np.int64) << 33) + or_zero(job + 1.0).astype(np.int64)
        worst = np.zeros(len(hz))
        for sign, mean in zip(SIGNS, means, strict=True):
            middle, count = medians(mean, key)
            if sign == SIGNS[0]:
                memory["peers"][rows] = middle
            worst = np.fmax(
                worst, self._departs(memory, mine, sign, mean, middle, share, slow, anew)
            )
            worst[count < PEERS_MIN] = np.nan
            if sign == "power_w":
                with np.errstate(invalid="ignore"):
                    # A job that stands still has no pace: whoever differs then differs in how it waits.
                    worst[middle < WAITS_W] = np.nan
        learns = np.isfinite(hz) & ~slow
        memory["hz_usual"][rows] = np.where(
            learns, np.where(np.isnan(usual_hz), hz, usual_hz + (hz - usual_hz) * share), usual_hz
        )
        # A pace that is not known yet says nothing; a job that keeps it has no straggler.
        known = np.isfinite(usual_hz) & np.isfinite(hz) & (blocks >= 2)
        memory["score"][rows] = np.where(known, np.where(slow, worst, 0.0), np.nan)

    def _departs(
        self, memory: Memory, mine: Tick, sign: str, mean: F64, middle: F64, share: F64, slow: NDArray[np.bool_],
        anew: NDArray[np.bool_],
    ) -> F64:  # fmt: skip
        """Departure of a sign from how the GPU usually stands to its peers; learnt while the pace is usual."""
        name, rows = f"{sign}_usual", mine.at
        with np.errstate(invalid="ignore", divide="ignore"):
            stands = np.where(middle > LEAST_RATIO, mean / middle - 1.0, np.nan)
        usual = np.where(anew, np.nan, memory[name][rows])
        departs: F64 = np.abs(stands - usual)
        step = (stands - usual) * share
        first = memory["blocks"][rows] < FIRST_BLOCKS
        step = np.where(first, step, np.clip(step, -MOST_MOVED, MOST_MOVED))
        moved = np.where(np.isnan(usual), stands, usual + step)
        memory[name][rows] = np.where(slow | np.isnan(stands), usual, moved)
        return departs
