"""A collector whose answers a test writes down, one tick after another."""

import numpy as np
import pytest

from coldplate.agents.collector import Happening, Health, Source
from coldplate.agents.local.status import Status, Watched
from coldplate.wire.metric import CATALOGUE, Kind, metric

NODE, RACK = "rack-0003/node-5", "rack-0003"


class Told:
    """Two GPUs and their node; a tick has what it is given, and NaN elsewhere."""

    def __init__(self, gpus=2):
        self.devices = {
            Kind.GPU: tuple(f"{NODE}/gpu-{i}" for i in range(gpus)),
            Kind.NODE: (NODE,),
        }
        self.sources = (Source(NODE, RACK, {Kind.GPU: range(gpus), Kind.NODE: range(1)}),)
        self.next = {}
        self.heard = []
        self.told_health = ()

    def sample(self, tick_ms):
        out = {k: np.full((len(CATALOGUE[k]), len(ids)), np.nan) for k, ids in self.devices.items()}
        for (kind, name, device), value in self.next.items():
            out[kind][metric(kind, name).number, device] = value
        return out

    def conditions(self):
        return None

    def happenings(self):
        out, self.heard = self.heard, []
        return out

    def health(self):
        return self.told_health

    def origins(self):
        return {}

    def close(self):
        pass


class Scene:
    """A status with a collector in front of it."""

    def __init__(self):
        self.counts = {"ticks": 3}
        self.status = Status(NODE, "1.2.3", 1000, lambda: self.counts)
        self.told = Told()
        self.watched = Watched(self.told, self.status)

    def tick(self, second, gpu=(), node=()):
        """Sample at a second: `gpu` by (metric, number), `node` by metric."""
        self.told.next = {(Kind.GPU, name, i): v for (name, i), v in dict(gpu).items()}
        self.told.next |= {(Kind.NODE, name, 0): v for name, v in dict(node).items()}
        self.watched.sample(1000 * second)
        self.watched.happenings()

    def hear(self, kind, number, **rest):
        self.told.heard.append(Happening(kind, f"{NODE}/gpu-{number}", 0, **rest))

    def well(self, name="nvml", **rest):
        self.told.told_health += (Health(name, ok=not rest.get("text"), **rest),)


@pytest.fixture
def scene():
    return Scene()
