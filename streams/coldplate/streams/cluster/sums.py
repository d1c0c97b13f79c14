"""The cluster added up from what workers tell of their racks, and judged as a hall's own meter is.

A hall without a meter, or with one that a battery hides, has a load all the same: the sum of its racks. A tick counts
when nearly all racks are in it that told something lately; otherwise nobody can tell a rack that is late from one
that has stopped. Nor does it count when a rack is new: what it draws it may have drawn all the time. Training steps
beat with the seconds in which racks are read: what is judged is the mean of the last `MEAN_TICKS` of such means. Its
change in a second is that from the `MEAN_TICKS` before to the last ones: a load that goes to another level shows in
it as steep as in one mean, and a beat, which comes back, by a fifth. One that tells nothing for `KNOWN_MS` is missed
no more; by then no step is seen, for the sum has paused.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from coldplate.streams.correlate import Correlator
from coldplate.streams.detector import Detector
from coldplate.streams.detectors import defaults
from coldplate.streams.engine import Engine
from coldplate.streams.topology import Level, Topology
from coldplate.wire.frame import Head, block, decode_frame, encode_frame
from coldplate.wire.incident import Anomaly, Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.layout import Layout
from coldplate.wire.metric import Kind, metric
from coldplate.wire.totals import Totals

WAIT_MS = 4_000
"""A tick is added up when a later one by so much has come: every worker has told of it, or will not."""

SHARE = 0.99
"""Of the racks that told something within `KNOWN_MS`."""

KNOWN_MS = 120_000

LEAST_W = 1e6
"""A hall that never draws so much answers to no utility for its ramps: one node's fault is a tenth of a small hall."""

MEAN_TICKS = 5
"""Steps of a second and a half, read once a second, show a beat of some seconds."""

METRIC = "hall_power_w"


class Sums:
    """Adds up, and judges.

    Parameters
    ----------
    cluster
        Whose totals are taken.
    inventory
        Says which rack stands in which hall.
    detectors
        Of a hall; default: those of its power.
    """

    def __init__(
        self,
        cluster: str,
        inventory: Inventory | None = None,
        detectors: list[Detector] | None = None,
    ) -> None:
        chosen = [d for d in defaults() if d.kind == Kind.HALL and d.metric == METRIC]
        self._cluster = cluster
        self._engine = Engine(cluster, inventory, chosen if detectors is None else detectors)
        self._correlator = Correlator(self._engine)
        self._topology = Topology(self._engine.fleet)
        self._waiting: dict[int, dict[str, float]] = {}
        """By tick: what each rack draws, W."""
        self._seen_ms: dict[str, int] = {}
        """By rack: the last tick that was added up in which it was."""
        self._last: dict[str, tuple[deque[float], deque[float]]] = {}
        """By hall: its sum in the last ticks, and the last means of it, W."""
        self._most_w: dict[str, float] = {}
        self._newest_ms = self._done_ms = 0
        self._heard: dict[str, int] = {}
        self.count = 0
        """Ticks that were added up."""

    @property
    def workers(self) -> int:
        """How many have told something in the last ticks."""
        return sum(self._newest_ms - t <= 5 * WAIT_MS for t in self._heard.values())

    def take(self, totals: Totals) -> tuple[list[Anomaly], list[Incident]]:
        """What one worker tells of one tick; what follows.

        Raises
        ------
        WireError
            The record contradicts itself.
        """
        power = totals.power()
        if totals.cluster != self._cluster or totals.t_ms <= self._done_ms:
            return [], []
        self._heard[totals.worker] = max(totals.t_ms, self._heard.get(totals.worker, 0))
        self._newest_ms = max(self._newest_ms, totals.t_ms)
        tick = self._waiting.setdefault(totals.t_ms, {})
        tick.update(zip(totals.racks, power.tolist(), strict=True))
        anomalies: list[Anomaly] = []
        for t_ms in sorted(t for t in self._waiting if self._newest_ms - t >= WAIT_MS):
            anomalies += self._add_up(t_ms, self._waiting.pop(t_ms))
        return anomalies, self._correlator.update(anomalies)

    def _add_up(self, t_ms: int, racks: Mapping[str, float]) -> list[Anomaly]:
        self._done_ms = t_ms
        new = racks.keys() - self._seen_ms.keys()
        self._seen_ms.update(dict.fromkeys(racks, t_ms))
        for rack in [r for r, seen_ms in self._seen_ms.items() if t_ms - seen_ms > KNOWN_MS]:
            del self._seen_ms[rack]
        if new or len(racks) < SHARE * len(self._seen_ms):
            self._last.clear()
            return []
        self.count += 1
        halls: dict[str, float] = {}
        for rack, power_w in racks.items():
            hall = self._topology.at(rack, Level.HALL)
            halls[hall] = halls.get(hall, 0.0) + power_w
        for hall, power_w in halls.items():
            last, means = self._last.setdefault(
                hall, (deque(maxlen=MEAN_TICKS), deque(maxlen=MEAN_TICKS))
            )
            last.append(power_w)
            if len(last) < MEAN_TICKS:
                continue
            means.append(sum(last) / MEAN_TICKS)
            self._most_w[hall] = max(means[-1], self._most_w.get(hall, 0.0))
            if len(means) == MEAN_TICKS and self._most_w[hall] >= LEAST_W:
                judged_w = sum(means) / MEAN_TICKS
                self._engine.write(decode_frame(self._frame(hall, t_ms, judged_w)))
        return self._engine.step(t_ms)

    def _frame(self, hall: str, t_ms: int, power_w: float) -> bytes:
        """As a meter of the hall would send it."""
        layout = Layout.of([metric(Kind.HALL, METRIC)])
        raw, present = layout.quantize(np.array([[[power_w]]]))
        blocks = (block(layout, (hall,), present),)
        head = Head(self._cluster, f"sum-of-{hall}", hall, 0, 0, t_ms // 1000, 1000, 1, blocks)
        return encode_frame(head, raw)
