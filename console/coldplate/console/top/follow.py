"""Follows a collector from tick to tick and says what is to be shown.

What is read seldom stays on the screen until it should have come again; then it is absent.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Collector, Happening, Health
from coldplate.console.top.picture import Gpu, Picture, Told, Values
from coldplate.console.top.resistance import Resistance
from coldplate.wire.metric import CATALOGUE, Kind

HOLD_FAST_S = 5.0
HOLD_SLOW_S = 60.0
TOLD_MAX = 5

QUIET = ("facts", "job")
"""Events that are no news on a screen: what they say stands there."""


class Follow:
    """One collector.

    Parameters
    ----------
    collector
        Gives the samples; not closed here.
    node
        Id of the node.
    """

    def __init__(self, collector: Collector, node: str) -> None:
        self._collector, self._node = collector, node
        self._held = {k: _Held(k, len(ids)) for k, ids in collector.devices.items()}
        self._resistance = [Resistance() for _ in collector.devices.get(Kind.GPU, ())]
        self._jobs: dict[str, dict[str, str]] = {}
        self._xids: dict[str, Told] = {}
        self._told: deque[Told] = deque(maxlen=TOLD_MAX)

    def look(self, tick_ms: int, missing: Mapping[str, str] | None = None) -> Picture:
        """Sample at a tick, and say what is to be shown.

        Parameters
        ----------
        missing
            Collectors that could not be made, and why.
        """
        for kind, values in self._collector.sample(tick_ms).items():
            self._held[kind].take(tick_ms, values)
        for happening in self._collector.happenings():
            self._heard(happening)
        water = {c: v for c, v in self._values(Kind.CDU).items() if v}
        supplies = [v["supply_c"] for v in water.values() if "supply_c" in v]
        gpus = self._gpus(tick_ms, supplies[0] if len(supplies) == 1 else None)
        node = self._values(Kind.NODE)
        unwell = _unwell(self._collector.health()) | dict(missing or {})
        return Picture(
            self._node, tick_ms, gpus, node.get(self._node, {}), water, tuple(self._told), unwell
        )

    def _gpus(self, tick_ms: int, supply_c: float | None) -> list[Gpu]:
        out = []
        every = self._values(Kind.GPU).items()
        for (gpu, values), resistance in zip(every, self._resistance, strict=True):
            resistance.take(
                tick_ms / 1000,
                *(values.get(n, np.nan) for n in ("gpu_c", "power_w", "gpu_util_ratio")),
            )
            job = self._jobs.get(gpu, {})
            number = values.get("job")
            # An event names the job; without one its number has to do.
            known = " ".join(job) or ("" if number is None else f"{number:.0f}")
            user = next(iter(job.values())) if len(job) == 1 else ""
            out.append(
                Gpu(gpu, values, resistance.estimate(supply_c), known, user, self._xids.get(gpu))
            )
        return out

    def _values(self, kind: Kind) -> dict[str, Values]:
        ids = self._collector.devices.get(kind, ())
        return {device: self._held[kind].values(i) for i, device in enumerate(ids)}

    def _heard(self, happening: Happening) -> None:
        h = happening
        told = Told(h.t_ms, h.kind, h.subject, h.code, h.text)
        if h.kind == "job":
            jobs = self._jobs.setdefault(h.subject, {})
            if h.data.get("state") == "end":
                jobs.pop(h.text, None)
            else:
                jobs[h.text] = str(h.data.get("user") or "")
        elif h.kind == "xid":
            self._xids[h.subject] = told
        if h.kind not in QUIET:
            self._told.append(told)


class _Held:
    """The newest value of each metric of a kind, until it is too old."""

    def __init__(self, kind: Kind, devices: int) -> None:
        self._metrics = CATALOGUE[kind]
        self._values = np.full((len(self._metrics), devices), np.nan)
        self._read_ms = np.zeros(self._values.shape, np.int64)
        hold_s = [HOLD_FAST_S if m.rate == "fast" else HOLD_SLOW_S for m in self._metrics]
        self._hold_ms = (1000 * np.array(hold_s))[:, None]

    def take(self, tick_ms: int, values: NDArray[np.float64]) -> None:
        there = ~np.isnan(values)
        self._values[there] = values[there]
        self._read_ms[there] = tick_ms
        # A clock that was set back makes values look new; they are replaced soon enough.
        self._values[tick_ms - self._read_ms > self._hold_ms] = np.nan

    def values(self, device: int) -> dict[str, float]:
        column = self._values[:, device].tolist()
        return {m.name: v for m, v in zip(self._metrics, column, strict=True) if v == v}  # noqa: PLR0124


def _unwell(healths: Sequence[Health]) -> dict[str, str]:
    return {h.name: h.text for h in healths if not h.ok}
