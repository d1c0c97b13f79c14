"""Real shared libraries in the place of NVIDIA's: what ctypes and the loader do is not simulated."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("bench_stub.c")
NAME = "libnvidia-ml.so.1"

EXCHANGED = """
import os, sys
import pynvml
from coldplate.agents.nvml.driver import Driver
pynvml._LoadNvmlLibrary()
os.replace(sys.argv[1], sys.argv[2])
driver = Driver()
print(len(driver.devices), driver.versions["driver"])
driver.close()
"""

READ = """
from coldplate.agents.collectors.nvml import NvmlCollector
from coldplate.agents.options.nvml import Nvml
from coldplate.wire.metric import Kind, metric
collector = NvmlCollector("n", "r", Nvml(events=False, deadline_s=5.0))
values = collector.sample(1000)[Kind.GPU]
print(values[metric(Kind.GPU, "margin_c").number].tolist(), values[metric(Kind.GPU, "power_max_w").number].max())
collector.close()
"""


def library(folder, name, init=0):
    """A library whose initialisation answers so, under NVIDIA's own name."""
    out = folder / name
    options = ["-O1", "-shared", "-fPIC", "-w", f"-DINIT={init}", f"-Wl,-soname,{NAME}"]
    subprocess.run(["gcc", *options, "-o", out, SOURCE], check=True)
    return out


def run(folder, program, *args):
    """A Python of its own, whose loader finds the library there."""
    env = {**os.environ, "LD_LIBRARY_PATH": str(folder)}
    command = [sys.executable, "-W", "error", "-c", program, *args]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == ran.returncode, ran.stderr
    return ran.stdout.strip()


def test_after_an_upgrade_of_the_driver_its_new_library_is_loaded(tmp_path):
    """The old one in memory answers that the versions differ; the process need not be started anew."""
    old = library(tmp_path, NAME, init=18)
    new = library(tmp_path, "new.so")
    assert "8 stub" == run(tmp_path, EXCHANGED, str(new), str(old))


def test_all_is_read_through_a_c_library(tmp_path):
    """Eight GPUs, in eight threads."""
    library(tmp_path, NAME)
    assert f"{[47.0] * 8} 700.0" == run(tmp_path, READ)
