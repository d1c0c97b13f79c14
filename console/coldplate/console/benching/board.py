"""What the board costs and how late it is: a real ClickHouse, a process that writes changes of state, and one that shows the board.

A change counts from the moment its writer has it until the board that holds it has been drawn; both processes are on this
machine, so one clock tells both. The forecast, made every five minutes, is measured apart and added to the processor's share.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from coldplate.console.benching.board_feed import URL, changes_before, columns_of
from coldplate.console.benching.crew import clean_environment
from coldplate.console.benching.machine import describe
from coldplate.console.benching.progress import Progress
from coldplate.console.bringup.watching import FORECAST_S
from coldplate.console.failure import Failure
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.inventory import generate

START_S_MAX, STOP_S, SETTLE_S, LOOK_S = 90.0, 20.0, 5.0, 0.2
LAST_S = 3.0
"""Changes of the last seconds have no time to be seen, and are left out."""


def measure(racks: int, testing: int, seconds: float) -> dict[str, Any]:
    """What its JSON shows.

    Raises
    ------
    Failure, StackError
        A part did not come up, or ended.
    """
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        place = StateDir(Path(folder) / "stack")
        progress.show("starting ClickHouse", 0.0)
        (part,), endpoints = local_servers(place, Cache.default(), kafka=False)
        with Supervisor(place, (part,)) as stack:
            stack.wait_healthy(START_S_MAX)
            progress.show("writing the inventory and what was before", 0.1)
            _prepare(endpoints, racks, testing)
            server = psutil.Process(stack.states[0].pid)
            return _run(Path(folder), endpoints, server, racks, testing, seconds, progress)


def _prepare(endpoints: Endpoints, racks: int, testing: int) -> None:
    with Client(ClickHouseSettings.from_url(endpoints.clickhouse_owner)) as client:
        migrate(client)
        store_inventory(client, generate(racks))
        now_ms = time.time_ns() // 1_000_000
        client.insert("commissions", columns_of(changes_before(racks, testing, now_ms)), None)


def _run(
    folder: Path, endpoints: Endpoints, server: psutil.Process, racks: int, testing: int, seconds: float,
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    env = clean_environment() | {
        "COLDPLATE_CONFIG": os.devnull, "COLDPLATE_STATE": str(folder / "none"), "OPENBLAS_NUM_THREADS": "1",
        "COLDPLATE_CLICKHOUSE": endpoints.clickhouse_reader, URL: endpoints.clickhouse_writer,
    }  # fmt: skip
    words = {
        "look": ("coldplate.console.benching.board_look", str(seconds), str(SETTLE_S)),
        "feed": ("coldplate.console.benching.board_feed", str(racks), str(testing)),
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    before_s = _cpu_s(server)
    began_s = time.monotonic()
    try:
        for name, (module, *given) in words.items():
            with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:  # fmt: skip
                running[name] = subprocess.Popen([sys.executable, "-m", module, *given], env=env, stdout=out, stderr=err)  # fmt: skip
        until_s = began_s + SETTLE_S + seconds + START_S_MAX
        while running["look"].poll() is None:
            passed_s = time.monotonic() - began_s
            progress.show("racks change their states", min(0.95, passed_s / (SETTLE_S + seconds)))
            if running["feed"].poll() is not None or time.monotonic() > until_s:
                raise Failure(f"the writer or the board ended or hangs: {_said(folder)}")
            time.sleep(LOOK_S)
        server_ratio = (_cpu_s(server) - before_s) / (time.monotonic() - began_s)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    if running["look"].returncode != 0:
        raise Failure(f"the board failed: {_said(folder)}")
    told = json.loads((folder / "look.out").read_text("utf-8").splitlines()[-1])
    written = json.loads((folder / "feed.out").read_text("utf-8").splitlines()[-1])
    return _result(told, written, racks, testing, seconds, server_ratio)


def _result(
    told: dict[str, Any], written: dict[str, int], racks: int, testing: int, seconds: float, server_ratio: float
) -> dict[str, Any]:  # fmt: skip
    """Figures of what was seen; `written` has when the writer had each change, Unix milliseconds by rack and number."""
    begin_ms, end_ms = told["begin_ms"], told["end_ms"] - 1000 * LAST_S
    late_s, missed = [], 0
    for name, at_ms in written.items():
        if begin_ms <= at_ms <= end_ms:
            seen_ms = told["seen_ms"].get(name)
            if seen_ms is None:
                missed += 1
            else:
                late_s.append((seen_ms - at_ms) / 1000)
    if not late_s:
        raise Failure("no change was seen; give it longer with --seconds")
    late_s.sort()
    forecast = told["forecast_cpu_s"] / FORECAST_S
    return {
        "racks": racks, "in_test": testing, "seconds": seconds, "changes": len(late_s), "missed": missed,
        "update_p50_s": round(_quantile(late_s, 0.5), 3), "update_p99_s": round(_quantile(late_s, 0.99), 3),
        "update_max_s": round(late_s[-1], 3), "cpu_ratio": round(told["cpu_ratio"] + forecast, 4),
        "forecast_cpu_s": round(told["forecast_cpu_s"], 2), "look_ms": round(told["look_ms"], 1), "looks": told["looks"],
        "rss_mb": told["rss_mb"], "clickhouse_cpu_ratio": round(server_ratio, 3), "machine": describe(),
    }  # fmt: skip


def _quantile(values: list[float], share: float) -> float:
    """The least that so large a share does not exceed; sorted values."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _said(folder: Path) -> str:
    return " ".join((folder / f"{n}.err").read_text("utf-8")[-400:] for n in ("look", "feed"))


def _cpu_s(process: psutil.Process) -> float:
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))
