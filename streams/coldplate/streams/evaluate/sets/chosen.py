"""The parameters with which the methods are tried on each public set: one for all of its files, fixed beforehand.

They were chosen on the part of each set that `docs/evaluation.md` names, leaving one group of files out at a time.
"""

from coldplate.streams.evaluate.sets.hydraulic import CYCLE_S
from coldplate.streams.methods.level import Level
from coldplate.streams.methods.surprise import Surprise

SKAB_FAULTS = Level()
"""Is something wrong now: late enough for what passes by itself not to count. The class's own defaults."""

SKAB_CHANGES = Level(
    fast_s=5.0, slow_s=50.0, spread_s=500.0, limit=3.0, hold_s=8.0, recovered=0.0, off=0.7, clear_s=5.0,
    clear_share=0.0, accept_s=60.0, settle_s=5.0, unrest_share=2.0, accuracy=0.002, record_share=0.0,
)  # fmt: skip
"""Did something change: quick, and a level of a minute is the new normal, so that the next change shows too."""

NAB = Surprise()
"""The class's own defaults."""

HYDRAULIC = Level(
    fast_s=1.0 * CYCLE_S, slow_s=60.0 * CYCLE_S, spread_s=300.0 * CYCLE_S, limit=2.0, hold_s=0.0,
    clear_s=3.0 * CYCLE_S, accept_s=60.0 * CYCLE_S, settle_s=10.0 * CYCLE_S, unrest_share=8.0,
    accuracy=0.004, record_s=200.0 * CYCLE_S, warm_s=30.0 * CYCLE_S, gap_s=10.0 * CYCLE_S,
)  # fmt: skip
"""The same in cycles of a minute: one value a cycle, warm after thirty."""
