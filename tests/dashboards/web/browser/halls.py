"""Answers as the commands give them, of the stand-in hall whose arrays a test sets."""

import numpy as np
from console.bringup.halls import BEGIN_MS, HOUR_MS, change, way
from console.bringup.halls import hall as bring_up
from dashboards.web.halls import StandInAnswers, StandInHall, floor_of

from coldplate.console.bringup.board import board
from coldplate.console.bringup.forecast import forecast
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.simulate import Start
from coldplate.console.bringup.telling import told
from coldplate.dashboards.web.ports import NotThere

CELLS = 64
PUMPS_RPM = (0.0, 3150.0)


def hall_of(racks=8, name="rack-{:04d}"):
    """A hall of whole racks; the history is as new as it is in life."""
    return StandInHall(floor_of(racks, CELLS, name))


def incident(hall, rack=3, severity="critical", *, id_="00000000000a", **more):
    """As a picture tells an open one."""
    place = hall.of.racks[rack]
    return {
        "id": id_, "severity": severity, "kind": "pump-stop", "subject": f"{place.id}/cdu", "rack": place.id,
        "opened": "2023-11-15T21:00:00.000+00:00", "cause": "Pump 1 stands still.", "affected": 64, "acked_by": None,
        "silenced": False,
    } | more  # fmt: skip


def half_done():
    """A bring-up as its command tells it: of each kind of state something, and a forecast."""
    now_ms = BEGIN_MS + 100 * HOUR_MS
    changes = [c for n in range(12) for c in way(f"r{n:03d}", 0, 6, 1, 4, 1, 2, 1, 74)]
    changes += [c for n in range(12, 20) for c in way(f"r{n:03d}", 0, *[1] * (n - 12))]
    changes += [
        change("r005", 99, "in-training", gpus=64),
        change("r009", 99, "held", cause="coupling", step="flow"),
    ]
    racks, plan = bring_up(30, *changes), Plan(racks=30, days=10, phase_gpus=256)
    ahead = forecast(plan, Start.of_racks(racks, BEGIN_MS, now_ms), runs=10, what_ifs=False)
    return told(board(plan, racks, now_ms, ahead))


class Answers(StandInAnswers):
    """Racks and GPUs with the hall's values, now or then."""

    def __init__(self, hall):
        super().__init__([r.id for r in hall.of.racks])
        self._hall, self.asked = hall, []

    def rack(self, rack, at_ms):
        self.asked.append(("rack", rack, at_ms))
        place = next((r for r in self._hall.of.racks if r.id == rack), None)
        if place is None:
            raise NotThere(f"no rack is called {rack}")
        cells = range(place.first, place.first + place.cells)
        unit = {
            "supply_c": 32.1, "return_c": 41.4, "flow_lpm": 480.0, "pump1_rpm": PUMPS_RPM[0], "pump2_rpm": PUMPS_RPM[1],
            "filter_kpa_delta": 28.0, "leak": 0.0,
        }  # fmt: skip
        return self._device(rack, {"rack_power_w": 61_000.0}) | {
            "at_ms": at_ms or self._hall.now_ms(), "median_k_per_w": 0.055, "neighbours": [], "history": [],
            "parts": {"cdu": [self._device(f"{rack}/cdu", unit)], "gpu": [self._gpu(c, at_ms) for c in cells]},
            "jobs": [{"job": "train-7", "user": "ada", "gpus": 64}],
            "incidents": [self._kept(i) for i in self._hall.incidents if i["rack"] == rack],
        }  # fmt: skip

    def board(self):
        if self.error is not None:
            raise self.error
        return half_done()

    def gpu(self, gpu, at_ms):
        self.asked.append(("gpu", gpu, at_ms))
        cell = list(self._hall.of.gpus).index(gpu)
        return self._gpu(cell, at_ms) | {
            "at_ms": at_ms or self._hall.now_ms(), "median_k_per_w": 0.055, "parts": {}, "neighbours": [], "jobs": [],
            "history": [], "incidents": [self._kept(i) for i in self._hall.incidents],
        }  # fmt: skip

    def power(self, rack, begin_ms, end_ms, steps):
        mean = [60_000.0] * steps
        return {
            "begin_ms": begin_ms, "step_ms": (end_ms - begin_ms) // steps, "mean_w": mean,
            "low_w": [w - 5000 for w in mean], "high_w": [w + 5000 for w in mean],
        }  # fmt: skip

    def resistance(self, gpu, begin_ms, end_ms, steps):
        values = np.linspace(0.055, 0.068, steps).tolist()
        return {
            "begin_ms": begin_ms, "step_ms": (end_ms - begin_ms) // steps, "k_per_w": values, "baseline_k_per_w": 0.0551,
        }  # fmt: skip

    def why(self, incident):
        return {
            "incident": {"id": incident}, "steps": [], "consequences": [],
            "text": {"what": "Pump 1 stands still.", "todo": ["Run pump 2 at full speed."], "evidence": [], "since": "94 s"},
            "would_close_when": {"rule": "", "conditions": [{"words": "pump 1 over 2,500 rpm"}]},
        }  # fmt: skip

    def _gpu(self, cell, at_ms):
        values = self._hall.values if at_ms is None else self._hall.then(at_ms)
        value = float(values["temperature"][cell])
        told = {} if np.isnan(value) else {"gpu_c": value, "margin_c": 87 - value, "power_w": 680.0}
        return self._device(self._hall.of.gpus[cell], told)

    @staticmethod
    def _device(id_, values):
        return {"id": id_, "serial": "", "age_ms": 900, "stale": False, "k_per_w": 0.0551, "values": values}  # fmt: skip

    @staticmethod
    def _kept(told):
        return {k: told[k] for k in ("id", "severity", "kind", "subject", "cause")} | {
            "state": "open", "opened_at": told["opened"], "closed_at": None,
        }  # fmt: skip
