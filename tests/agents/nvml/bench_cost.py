"""What the collector itself uses of the processor: `python tests/agents/nvml/bench_cost.py [seconds]`.

Over a C library with nothing behind it, so that the whole process is the collector, the handing over of Python's lock
between eight lanes included, and NVML's time is not in it.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pynvml

from coldplate.agents.collectors.nvml import NvmlCollector
from coldplate.agents.options.nvml import Nvml

SOURCE = Path(__file__).with_name("bench_stub.c")


def main(seconds=20, wait_ns=0):
    """Ticks of a second, as the loop would make them; one line of JSON."""
    os.environ["STUB_NS"] = str(wait_ns)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "stub.so"
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-w", "-o", library, SOURCE], check=True)
        pynvml.nvmlLib = ctypes.CDLL(str(library))
        collector = NvmlCollector("rack-0/node-0", "rack-0", Nvml(events=False))
        for tick in range(12):
            collector.sample(tick * 1000)
        took_s, cpu_s = [], time.process_time()
        for tick in range(12, 12 + seconds):
            time.sleep(1 - time.time() % 1)
            began_s = time.perf_counter()
            collector.sample(tick * 1000)
            took_s.append(time.perf_counter() - began_s)
        own_s = time.process_time() - cpu_s
        collector.close()
    told = {
        "own_ms_per_tick": round(1000 * own_s / seconds, 3),
        "sample_p50_ms": round(1000 * float(np.median(took_s)), 2),
        "sample_max_ms": round(1000 * max(took_s), 2),
        "gpus": 8, "seconds": seconds, "call_us": wait_ns / 1000,
    }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
