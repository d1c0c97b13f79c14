"""What the live hall costs: a real ClickHouse into which a hall's rows come each second, the web process, and pages that look.

The rollups of GPUs are not kept up meanwhile: that is the sink's cost, measured by `coldplate bench pipeline`, and on a
small machine it would be all of it. Everything else is as it runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from coldplate.console.benching.crew import clean_environment
from coldplate.console.benching.machine import describe
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.web_feed import URL, hall_of
from coldplate.console.benching.web_frames import frames
from coldplate.console.benching.web_viewers import SETTLE_S
from coldplate.console.chain import command
from coldplate.console.failure import Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings

START_S_MAX, STOP_S, WARM_S, LOOK_S = 90.0, 20.0, 20.0, 0.1
WEB, FEED = "web", "feed"


def measure(gpus: int, viewers: int, seconds: float) -> dict[str, Any]:
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
            progress.show("writing the inventory", 0.1)
            made = _prepare(endpoints, gpus)
            server = psutil.Process(stack.states[0].pid)
            return _run(Path(folder), endpoints, server, made, viewers, seconds, progress)


def _prepare(endpoints: Endpoints, gpus: int) -> int:
    hall = hall_of(gpus)
    with Client(ClickHouseSettings.from_url(endpoints.clickhouse_owner)) as client:
        migrate(client)
        store_inventory(client, hall)
    return len(hall.of_kind("gpu"))


def _run(
    folder: Path, endpoints: Endpoints, server: psutil.Process, gpus: int, viewers: int, seconds: float,
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    stats = folder / "web.json"
    words = {
        FEED: (sys.executable, "-m", "coldplate.console.benching.web_feed", str(gpus)),
        WEB: command("web", "--port", "0", "--stats", str(stats)),
    }
    env = {
        "COLDPLATE_CONFIG": os.devnull, "COLDPLATE_STATE": str(folder / "none"), "OPENBLAS_NUM_THREADS": "1",
        "COLDPLATE_CLICKHOUSE": endpoints.clickhouse_reader, URL: endpoints.clickhouse_owner,
    }  # fmt: skip
    with _started(FEED, words[FEED], env, folder) as feed:
        _pass(WARM_S, "the hall comes in", progress, (FEED, feed))
        with _started(WEB, words[WEB], env, folder) as web:
            url = _url(stats, web, folder, progress)
            own, whole = psutil.Process(web.pid), _Cpu(server)
            asked = (sys.executable, "-m", "coldplate.console.benching.web_viewers", url, str(viewers), str(seconds))  # fmt: skip
            with _started("viewers", asked, env, folder) as pages:
                _pass(SETTLE_S, "viewers look", progress, (WEB, web), ("viewers", pages))
                began_s, web_s, server_s = time.monotonic(), _cpu_s(own), whole.seconds()
                _pass(seconds - 1.0, "measuring", progress, (WEB, web), ("viewers", pages), (FEED, feed))  # fmt: skip
                wall_s = time.monotonic() - began_s
                used = {
                    "cpu_ratio": round((_cpu_s(own) - web_s) / wall_s, 4),
                    "clickhouse_cpu_ratio": round((whole.seconds() - server_s) / wall_s, 3),
                    "rss_mb": round(own.memory_info().rss / 1e6),
                }
                _ended(pages, folder, progress)
            told = json.loads((folder / "viewers.out").read_text("utf-8"))
            progress.show("a browser looks", 0.9)
            drawn = frames(url)
    skipped = int((folder / f"{FEED}.out").read_text("utf-8") or 0)
    return {"gpus": gpus, "viewers": viewers, "seconds": seconds, **used, **_of_viewers(told), **drawn,
            "feed_skipped_s": skipped, "machine": describe()}  # fmt: skip


def _of_viewers(found: dict[str, Any]) -> dict[str, Any]:
    told, late_ms = found["viewers"], found["newcomer_ms"]
    sent = [v["kbit_s"] for v in told]
    shown = [v["snapshot_ms"] for v in told if v["snapshot_ms"] is not None]
    return {
        "kbit_per_viewer": round(statistics.median(sent), 1), "kbit_per_viewer_max": round(max(sent), 1),
        "snapshot_ms": None if late_ms is None else round(late_ms, 1),
        "first_snapshot_ms": round(max(shown), 1) if shown else None,
        "pictures_per_viewer": statistics.median(v["pictures"] for v in told),
        "cells_shown": min(v["cells"] for v in told), "wrong_messages": sum(v["wrong"] for v in told),
    }  # fmt: skip


class _Cpu:
    """Of a process and what it has started."""

    def __init__(self, process: psutil.Process) -> None:
        self._all = [process, *process.children(recursive=True)]

    def seconds(self) -> float:
        return sum(_cpu_s(p) for p in self._all)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _started(
    name: str, words: tuple[str, ...], env: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        process = subprocess.Popen(words, env={**clean_environment(), **env}, stdout=out, stderr=err)  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _pass(
    seconds: float, words: str, progress: Progress, *parts: tuple[str, "subprocess.Popen[bytes]"]
) -> None:
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        progress.show(words, 1.0 - left_s / seconds)
        for name, process in parts:
            if process.poll() is not None:
                raise Failure(f"{name} ended by itself with {process.returncode}")
        time.sleep(min(LOOK_S, left_s))


def _url(stats: Path, web: "subprocess.Popen[bytes]", folder: Path, progress: Progress) -> str:
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s and web.poll() is None:
        if found := read_stats(stats).get("url"):
            return str(found)
        progress.show("starting the web process", 0.2)
        time.sleep(LOOK_S)
    raise Failure(f"the web process did not listen: {(folder / 'web.err').read_text('utf-8')[-500:]}")  # fmt: skip


def _ended(pages: "subprocess.Popen[bytes]", folder: Path, progress: Progress) -> None:
    until_s = time.monotonic() + STOP_S
    while pages.poll() is None and time.monotonic() < until_s:
        progress.show("viewers end", 0.8)
        time.sleep(LOOK_S)
    if pages.returncode != 0:
        raise Failure(f"the viewers failed: {(folder / 'viewers.err').read_text('utf-8')[-500:]}")
