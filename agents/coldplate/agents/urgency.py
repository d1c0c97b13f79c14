"""Which sources see harm coming, so that their frames do not wait.

A rack without flow has 8 s (facts of the plant): an agent that sees a margin under 10 K, a fall of flow, pressure
difference or pump speed beyond noise, a wet leak rope, or a brake or thermal slowdown bit, sends what it has at once,
and short frames until a minute after it has passed. Vectorised over all sources of a process.

Notes
-----
"Beyond noise" is a fall below a share of the value's own mean over the last minute: flow meters repeat within 1-2 %,
pump speed within 0.5 %, pressure difference within 3 %; a pump that is switched off on purpose costs a few short
frames and nothing else.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Samples, Source
from coldplate.wire.metric import CATALOGUE, Kind

MARGIN_K = 10.0
REASONS = 0x20 | 0x40 | 0x80
"""Software and hardware thermal slowdown, power brake (nvml.h)."""

FALLS = {
    "flow_lpm": 0.10, "pump1_rpm": 0.20, "pump2_rpm": 0.20, "kpa_delta": 0.15, "return_kpa": 0.03,
}  # fmt: skip
"""By quantity of a CDU: the share of its mean that it must lose. The return pressure is the loop's own, which a burst takes away and no load."""

MEAN_S = 60.0


class Urgency:
    """Judges one tick after the other.

    Parameters
    ----------
    sources
        Their order is that of the answers.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._source_of = {kind: _source_of(sources, kind) for kind in (Kind.GPU, Kind.CDU)}
        self._count = len(sources)
        self._means: dict[str, NDArray[np.float64]] = {}
        self._row = {
            kind: {m.name: m.number for m in CATALOGUE[kind]} for kind in (Kind.GPU, Kind.CDU)
        }

    def look(self, samples: Samples, tick_s: float) -> NDArray[np.bool_]:
        """True for each source that sees harm in this tick; `tick_s` is the time since the last one."""
        out = np.zeros(self._count, np.bool_)
        if (gpu := samples.get(Kind.GPU)) is not None and gpu.shape[1]:
            out[self._source_of[Kind.GPU][self._gpu(gpu)]] = True
        if (cdu := samples.get(Kind.CDU)) is not None and cdu.shape[1]:
            out[self._source_of[Kind.CDU][self._cdu(cdu, tick_s)]] = True
        return out

    def _gpu(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        row = self._row[Kind.GPU]
        reasons = values[row["clock_event_reasons"]]
        reasons = np.where(np.isnan(reasons), 0.0, reasons).astype(np.int64)
        # NaN < 10 is False: an unknown margin is not urgent.
        out: NDArray[np.bool_] = (values[row["margin_c"]] < MARGIN_K) | (reasons & REASONS != 0)
        return out

    def _cdu(self, values: NDArray[np.float64], tick_s: float) -> NDArray[np.bool_]:
        row = self._row[Kind.CDU]
        now = {name: values[row[name]] for name in FALLS if name in row}
        now["kpa_delta"] = values[row["supply_kpa"]] - values[row["return_kpa"]]
        out: NDArray[np.bool_] = values[row["leak"]] > 0
        for name, share in FALLS.items():
            mean = self._means.setdefault(name, now[name].copy())
            out = out | (now[name] < (1.0 - share) * mean)
            moved = mean + (now[name] - mean) * min(1.0, tick_s / MEAN_S)
            self._means[name] = np.where(
                np.isnan(moved), np.where(np.isnan(mean), now[name], mean), moved
            )
        return out


def _source_of(sources: Sequence[Source], kind: Kind) -> NDArray[np.intp]:
    """For each device of a kind, the position of its source."""
    spans = [(s.devices[kind], i) for i, s in enumerate(sources) if kind in s.devices]
    out = np.zeros(max((span.stop for span, _ in spans), default=0), np.intp)
    for span, i in spans:
        out[span.start : span.stop] = i
    return out
