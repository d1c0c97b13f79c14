"""Prometheus with 20 rules equal to our detectors of limits, on the largest fleet that it carries here.

It gets all values of the frames by remote write, a request a rack's node and second, as it would get them from agents of its
own. The fleet is doubled until it is late: a rule's evaluation is left out or takes longer than its interval, or requests are not
answered in time. Faults are put into series of their own meanwhile, and it is noted when each alert fires.
"""

import http.client
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from string import Template
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from psutil import virtual_memory

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.benching.peers.built import built
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.peer import Figures, Stage, configuration, load_of
from coldplate.console.benching.peers.prometheus_write import series, snappy, varint, write_request
from coldplate.console.benching.peers.realtime import follow
from coldplate.console.benching.peers.records import Message, Records
from coldplate.console.benching.production import Cycle
from coldplate.console.failure import Failure
from coldplate.console.stack.part import Part
from coldplate.console.stack.ports import LOOPBACK
from coldplate.sinks.tables import SAMPLE_TABLES

TOOL = GoTool("github.com/prometheus/prometheus/cmd/prometheus", "v0.316.0")
ANSWER_S_MAX = 120.0
LATE_S_MAX = 2.0
FIRST_SHARE, SIZES_MAX = 0.25, 6
"""The first fleet is a quarter of what was asked for; after five doublings nobody looks further."""

MEMORY_SHARE = 3.0
"""A fleet twice as large takes twice the memory in it, and what is sent to it takes some here."""

FAULTS, FAULT_EVERY_S = 5, 3.0
WELL_C, ILL_C = 22.0, 3.0
ALERT = "Margin"


@dataclass(frozen=True)
class Prometheus:
    """Rules over what is written to it."""

    name: str = "prometheus"
    stage: Stage = "detect"
    does_not: Sequence[str] = (
        "judge by more than limits: 17 alerts (and 3 recorded windows) stand for 16 of our detectors, the others need memory or neighbours",
        "read from Kafka: it is fed by HTTP, so the broker's and the reader's cost is missing",
        "make one incident of what has one cause: an alert a device, which an Alertmanager may group by labels",
        "judge what comes late, or go on where it was: a window that it missed is not looked at again",
    )
    objection: str = (
        "Prometheus' people: it stores what it judges, which our worker does not; one would scrape every 15 s, drop series that"
        " no rule reads, and shard by hall."
    )
    configuration: Sequence[str] = ("prometheus.yml", "prometheus_rules.yml")

    def version(self, ground: Ground) -> str:
        """As it was built."""
        built(TOOL, ground)
        return TOOL.version

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """The figures of the largest fleet that it carried, with all sizes beside."""
        asked = cycle.load
        gpus, tried = max(8, round(asked.nodes * 8 * FIRST_SHARE)), []
        best: Figures | None = None
        for _ in range(SIZES_MAX):
            load = load_of(gpus, asked.seconds, ticks=1)
            figures, late = self._at(ground, Cycle(load, ground.context.config.cluster, 1))
            gpus = load.nodes * 8
            tried.append({"gpus": gpus, "carried": not late, "late": late, **figures.more})
            if late:
                break
            best, gpus = figures, gpus * 2
            if MEMORY_SHARE * sum(figures.rss_mb.values()) * 1e6 > virtual_memory().available:
                tried[-1]["late"] = ["twice as many would need more memory than there is"]
                break
        if best is None:
            raise Failure(f"{self.name} was late with the smallest fleet already: {tried}")
        carried = max(int(t["gpus"]) for t in tried if t["carried"])
        limit = bool(tried[-1]["late"])
        return replace(
            best, more={**best.more, "gpus": carried, "limit_reached": limit, "tried": tried}
        )

    def _at(self, ground: Ground, cycle: Cycle) -> tuple[Figures, list[str]]:
        """One size; and why it was late, if it was."""
        gpus = cycle.load.nodes * 8
        records = Records(cycle, write_request)
        with self._serving(ground, gpus) as running:
            figures = follow(ground, running, records, f"{self.name} with {gpus} GPUs")
            running.wait_for_faults(ground)
            stored = running.stored(round(figures.seconds) + 120)
            judged = running.judging()
        late = [] if figures.more["late_max_s"] <= LATE_S_MAX else ["requests were not answered in time"]  # fmt: skip
        late += judged.pop("late")
        alerts_s = running.latencies_s()
        p50, p99 = np.percentile(alerts_s, (50, 99)) if len(alerts_s) else (math.nan, math.nan)
        more = {
            **figures.more, **judged, "faults": running.begun, "faults_alerted": len(alerts_s),
            "other_alerts": running.others,
        }  # fmt: skip
        return replace(
            figures, latency_p50_s=float(p50), latency_p99_s=float(p99), more=more,
            lost=max(0, figures.values - stored), duplicated=max(0, stored - figures.values),
        ), late  # fmt: skip

    @contextmanager
    def _serving(self, ground: Ground, gpus: int) -> Iterator["_Fed"]:
        name = f"{self.name}-{gpus}"
        folder = ground.context.state.folder(name)
        port = ground.context.state.port(name, [])
        rules = folder / "rules.yml"
        rules.write_text(configuration("prometheus_rules.yml"), "utf-8")
        config = folder / "prometheus.yml"
        filled = Template(configuration("prometheus.yml")).substitute(rules=rules)
        config.write_text(filled, "utf-8")
        argv = (
            str(built(TOOL, ground)), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}", "--web.enable-remote-write-receiver",
            # Only for our own count at the end, which reads every sample once.
            "--query.max-samples=1000000000", "--log.level=warn",
        )  # fmt: skip
        part = Part(name, argv, health=partial(_awaits, port), ports={name: port}, stop_limit_s=30.0)  # fmt: skip
        with ground.running(part) as pid:
            yield _Fed(port, {self.name: pid})


class _Fed:
    """Implements `Running` by its HTTP API, with a few series that fall ill."""

    unit: Literal["rows", "frames", "values"] = "values"
    latency_of = "first sample of a fault to alert firing, 2 s of `for` included"

    def __init__(self, port: int, pids: Mapping[str, int]) -> None:
        self._port, self.pids = port, pids
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S_MAX)
        self._done = 0
        self._tick_s, self._first_s, self._asked_s = 0, 0.0, 0.0
        self._ill_s: dict[str, float] = {}
        self._alerted_s: dict[str, float] = {}
        self._others: set[tuple[str, str]] = set()

    def feed(self, messages: Sequence[Message]) -> None:
        """A request a message; the made-up devices once a second."""
        for m in messages:
            self._write(m.payload)
            self._done += m.values
        now_s = time.time()
        self._first_s = self._first_s or now_s
        if int(now_s) > self._tick_s:
            self._tick_s = int(now_s)
            self._write(self._faults(now_s))

    def flush(self) -> None:
        """It has answered already."""

    def done(self) -> int:
        """Samples in requests that it has taken; alerts are looked for on the way."""
        if self._ill_s and time.time() - self._asked_s > 0.5:
            self._look()
        return self._done

    @property
    def begun(self) -> int:
        """Faults that began."""
        return len(self._ill_s)

    @property
    def others(self) -> int:
        """Alerts that no fault of ours made; a counter that begins anew may."""
        return len(self._others)

    def latencies_s(self) -> list[float]:
        """Of the faults that became alerts."""
        return [at - self._ill_s[d] for d, at in self._alerted_s.items()]

    def wait_for_faults(self, ground: Ground) -> None:
        """Go on with the made-up devices until each ill one has its alert, or for a while."""
        deadline_s = time.monotonic() + 15.0
        while len(self._alerted_s) < len(self._ill_s) and time.monotonic() < deadline_s:
            ground.poll()
            self.feed(())
            self.done()
            time.sleep(0.1)

    def stored(self, span_s: int) -> int:
        """Samples of the frames that it has, counted one by one: a question a metric, since counts lose their names."""
        names = [f"{t.kind.word}_{m.name}" for t in SAMPLE_TABLES for m in t.metrics]
        theirs = 'device!~"made-up-.+"'
        found = (self._query(f"sum(count_over_time({n}{{{theirs}}}[{span_s}s]))") for n in names)
        return round(sum(found))

    def judging(self) -> dict[str, Any]:
        """What its rules took, and why they were late if they were."""
        lines = self._ask("GET", "/metrics").decode().splitlines()

        def told(name: str) -> list[float]:
            return [float(x.rpartition(" ")[2]) for x in lines if x.startswith(f"{name}{{")]

        missed = sum(told("prometheus_rule_group_iterations_missed_total"))
        failures = sum(told("prometheus_rule_evaluation_failures_total"))
        last = max(told("prometheus_rule_group_last_duration_seconds"), default=math.nan)
        late = [f"{missed:.0f} evaluations of a group were left out"] if missed else []
        late += [f"{failures:.0f} evaluations failed"] if failures else []
        late += ["rules took longer than their second"] if last > 1.0 else []
        return {"rules_s": round(last, 3), "series": self._series(lines), "late": late}

    def _series(self, lines: Sequence[str]) -> int:
        return next(
            int(float(x.split()[1])) for x in lines if x.startswith("prometheus_tsdb_head_series ")
        )

    def _faults(self, now_s: float) -> bytes:
        begun = min(FAULTS, int((now_s - self._first_s) / FAULT_EVERY_S))
        out, stamp = b"", varint(self._tick_s * 1000)
        for i in range(FAULTS):
            device = f"made-up-{i}"
            if i < begun:
                self._ill_s.setdefault(device, now_s)
            out += series("gpu_margin_c", device, ILL_C if i < begun else WELL_C, stamp)
        return out

    def _look(self) -> None:
        self._asked_s = time.time()
        told = json.loads(self._ask("GET", "/api/v1/alerts"))["data"]["alerts"]
        for labels in (a["labels"] for a in told if a["state"] == "firing"):
            name, device = labels["alertname"], labels.get("device", "")
            if name == ALERT and device in self._ill_s:
                self._alerted_s.setdefault(device, time.time())
            else:
                self._others.add((name, device))

    def _query(self, expression: str) -> float:
        found = json.loads(self._ask("GET", f"/api/v1/query?query={quote(expression)}"))
        result = found["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def _write(self, body: bytes) -> None:
        self._ask(
            "POST", "/api/v1/write", snappy(body),
            {
                "Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
                "X-Prometheus-Remote-Write-Version": "0.1.0",
            },
        )  # fmt: skip

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:  # fmt: skip
        self._connection.request(method, path, body, dict(headers or {}))
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise Failure(f"Prometheus: {path}: {answer.status} {said[:200]!r}")
        return said


def _awaits(port: int) -> str | None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1.0)
    try:
        connection.request("GET", "/-/ready")
        status = connection.getresponse().status
    except OSError:
        return f"port {port} to open"
    finally:
        connection.close()
    return None if status == 200 else f"a good answer, got status {status}"
