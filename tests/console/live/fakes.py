"""A hall that tells what it is told to tell, for faults that a real history shows too seldom."""

import threading
from dataclasses import replace

from coldplate.console.live.picture import (
    Away,
    Detail,
    Gpu,
    Hall,
    Open,
    Rack,
    Step,
)
from coldplate.wire.inventory import generate

NOW_MS = 1_790_000_000_000


def a_hall(racks=4, *, gpus=64, per_row=20, now_ms=NOW_MS):
    """Racks whose margins fall from 34 K on, a silent one, a critical and an acknowledged incident."""
    found = [
        Rack(
            d.id, d.hall, d.row, gpus, now_ms - 1000, gpus, int(n % 7 == 6), 30_000.0 + 100 * n, 50.0 + n % 30,
            34.0 - n % 34,
            {"supply_c": 30.0, "return_c": 40.0, "flow_lpm": 60.0 - n % 50, "leak": 0.0, "pump1_rpm": 2900.0},
        )
        for n, d in enumerate(generate(racks, racks_per_row=per_row).of_kind("rack"))
    ]  # fmt: skip
    found[-1] = replace(found[-1], t_ms=now_ms - 60_000)
    incidents = (
        Open("aaa", "critical", "pump-stop", f"{found[1 % racks].id}/cdu", found[1 % racks].id, now_ms - 65_000, "Pump 1 stopped.", 64),
        Open("bbb", "warning", "hot", f"{found[2 % racks].id}/node-0/gpu-1", found[2 % racks].id, now_ms - 5000, "It is hot.", 1, "ada", True),
        Open("ccc", "ticket", "ramp-too-steep", "hall", "hall", now_ms - 5000, "Too steep."),
    )  # fmt: skip
    return Hall(
        now_ms, now_ms - 2000, found, incidents, sum(r.power_w for r in found), 12_500.0, 10.0
    )


class FakeSource:
    """Gives one hall again and again; away while `away` says why."""

    def __init__(self, hall=None):
        self.told = hall or a_hall()
        self.away = ""
        self.asked = 0
        self.closed = threading.Event()

    def hall(self):
        self.asked += 1
        if self.away:
            raise Away(self.away)
        return self.told

    def detail(self, shown):
        if self.away:
            raise Away(self.away)
        now_ms = self.told.now_ms
        series = [(now_ms - 10_000 * n, float(n % 5)) for n in range(60, -1, -1)]
        found = [
            ("gpu", g.id, "rack-0002") for g in gpus_of("rack-0002", now_ms) if shown.search in g.id
        ]
        return Detail(
            shown,
            {rack: gpus_of(rack, now_ms) for rack in shown.racks},
            dict.fromkeys(("power_w", "flow_lpm", "gpu_c", "margin_c"), series) if shown.rack else {},
            {"power_w": 612.5, "gpu_c": 61.0, "clock_event_reasons": 64.0} if shown.gpu else {},
            [Step(now_ms - 60_000, "warning", "open", "opened by flow"),
             Step(now_ms - 50_000, "critical", "open", "worse",
                  [{"detector": "flow", "subject": "x/cdu", "metric": "flow_lpm", "value": 2.0, "threshold": 8.0}])]
            if shown.incident == "aaa" else (),
            found if shown.search else (),
        )  # fmt: skip

    def close(self):
        self.closed.set()


def gpus_of(rack, now_ms=NOW_MS):
    """Eight nodes of eight, ever hotter; the last is held down by heat."""
    return [
        Gpu(
            f"{rack}/node-{n}/gpu-{g}", f"{rack}/node-{n}", now_ms - 1000,
            {"power_w": 600.0 + g, "gpu_c": 50.0 + n, "margin_c": 30.0 - 4 * n,
             "clock_event_reasons": 64.0 * (n == g == 7)},
        )
        for n in range(8)
        for g in range(8)
    ]  # fmt: skip
