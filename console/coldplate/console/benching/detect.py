"""What detection costs: frames of a hall in training steps, judged by all detectors and correlated.

Frames of five ticks of the full catalogue, a fifth of the racks a second, are made outside the timed part. Timed apart:
decoding, and everything behind it (admission, state, detectors, episodes, correlation, silence, clocks). Processor time
of the process, its own garbage collection included (what stays is kept from it, as a worker does). No Kafka, no Faust.
"""

from math import ceil
from time import process_time
from typing import Any

from coldplate.agents.framer import Framer
from coldplate.console.benching.machine import describe
from coldplate.console.benching.twin import GPUS_PER_NODE, NODES_PER_RACK, rss_max_mb
from coldplate.streams.detectors import defaults
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.frame import decode_frame
from coldplate.wire.lasting import keep_for_good

WARM_UP_S = 10
START = 1_800_000_000
SIZES = (1_000, 10_000, 100_000)


def measure(gpus: int, seconds: int) -> dict[str, Any]:
    """What its JSON shows; sizes below `gpus` are measured too, for the slope.

    Parameters
    ----------
    gpus
        At least so many, in whole racks of 64.
    seconds
        Ticks that are timed, at each size.
    """
    sizes = [size for size in SIZES if size < gpus] + [gpus]
    by_size = {size: _one(size, seconds if size == gpus else min(seconds, 30)) for size in sizes}
    return {
        "gpus": gpus, "seconds": seconds, "detectors": len(defaults()), **by_size[gpus],
        "by_gpus": {str(size): figures["cpu_ms_per_tick"] for size, figures in by_size.items()},
        # The twin that makes the frames is in it.
        "rss_mb": rss_max_mb(), "machine": describe(),
    }  # fmt: skip


def _one(gpus: int, seconds: int) -> dict[str, Any]:
    hall = Hall(Scenario(ceil(gpus / (NODES_PER_RACK * GPUS_PER_NODE)), NODES_PER_RACK, GPUS_PER_NODE, load="steps"))  # fmt: skip
    collector = TwinCollector(hall)
    framer = Framer("bench", collector, 1)
    pipeline = Pipeline("bench", hall.inventory)
    ticks, decoding_s, incidents = [], 0.0, 0
    for tick in range(START, START + WARM_UP_S + seconds):
        frames = framer.add(tick, collector.sample(tick * 1000), collector.conditions())
        records = [
            Record("frames", hash(f.rack) % 8, 0, tick * 1000 + 500, f.record) for f in frames
        ]
        if tick == START + WARM_UP_S:
            # As a worker does when it has caught up.
            keep_for_good()
        begin = process_time()
        for record in records:
            decode_frame(record.value)
        decoded = process_time()
        effects = pipeline.frames(records, tick * 1000 + 500)
        effects.incidents += pipeline.passing_time(tick * 1000 + 500).incidents
        if tick >= START + WARM_UP_S:
            # Decoding is done twice, and counted once.
            ticks.append(process_time() - decoded - (decoded - begin))
            decoding_s += decoded - begin
        incidents += len(effects.incidents)
    count = len(hall.gpus.power_w)
    return {
        "cpu_ms_per_tick": round(1000 * sum(ticks) / len(ticks), 2),
        "cpu_ms_of_slowest_tick": round(1000 * max(ticks), 1),
        "decode_ms_per_tick": round(1000 * decoding_s / seconds, 2),
        "state_bytes_per_gpu": round(pipeline.engine.nbytes / count),
        "incidents": incidents,
    }  # fmt: skip
