"""What the twin costs: a hall in training steps, its physics alone, and with sensors read and frames encoded.

Speeds are simulated seconds a second of one core's time: what else the machine does is not the twin's cost. Nothing is
sent; frames are made as an agent makes them, with the slow metrics every 10th tick.
"""

from math import ceil
from pathlib import Path
from time import process_time
from typing import Any

from coldplate.agents.framer import Framer
from coldplate.console.benching.machine import describe
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario

NODES_PER_RACK, GPUS_PER_NODE = 8, 8
WARM_UP_S = 5


def measure(gpus: int, seconds: int) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    gpus
        At least so many, in whole racks of 64.
    seconds
        Simulated in each of the two measurements.
    """
    racks = ceil(gpus / (NODES_PER_RACK * GPUS_PER_NODE))
    begin = process_time()
    hall = Hall(Scenario(racks, NODES_PER_RACK, GPUS_PER_NODE, load="steps"))
    collector = TwinCollector(hall)
    framer = Framer("bench", collector, 1)
    made_s = process_time() - begin
    for tick in range(WARM_UP_S):
        framer.add(tick, collector.sample(tick * 1000))
    begin = process_time()
    for _ in range(seconds):
        hall.step(1.0)
    model_s = (process_time() - begin) / seconds
    read_s = frames_s = 0.0
    frames = frame_bytes = 0
    for tick in range(WARM_UP_S, WARM_UP_S + seconds):
        begin = process_time()
        samples = collector.sample(tick * 1000)
        read = process_time()
        framed = framer.add(tick, samples, collector.conditions())
        frames_s += process_time() - read
        read_s += read - begin
        frames += len(framed)
        frame_bytes += sum(len(f.record) for f in framed)
    whole_s = (read_s + frames_s) / seconds
    return {
        "gpus": len(hall.gpus.power_w), "racks": racks, "seconds": seconds,
        "speedup_model": round(1 / model_s, 2), "speedup_frames": round(1 / whole_s, 2),
        "rss_mb": rss_max_mb(),
        # Of one core, a simulated second.
        "cpu_s": {
            "physics": round(model_s, 5), "sensors": round(read_s / seconds - model_s, 5),
            "frames": round(frames_s / seconds, 5), "making the hall": round(made_s, 3),
        },
        "frames_per_s": round(frames / seconds, 1), "bytes_per_s": round(frame_bytes / seconds),
        "machine": describe(),
    }  # fmt: skip


def rss_max_mb() -> int:
    """Most resident memory of this process; what its parent had does not count, as it would in getrusage."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return round(int(value.split()[0]) * 1024 / 1e6)
    raise RuntimeError("/proc/self/status has no VmHWM")
