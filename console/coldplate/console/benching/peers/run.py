"""All peers, one after the other on the same servers, each with the same hall in real time; and our own stages as they are."""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from coldplate.console.benching.machine import describe, versions
from coldplate.console.benching.peers.bytewax import Bytewax
from coldplate.console.benching.peers.clickhouse_kafka import ClickHouseKafka
from coldplate.console.benching.peers.coldplate_stages import ColdplateSink, ColdplateWorker
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.peer import CONFIGURATION, Figures, NotHere, Peer, load_of
from coldplate.console.benching.peers.prometheus import Prometheus
from coldplate.console.benching.peers.telegraf import Telegraf
from coldplate.console.benching.peers.victoria_metrics import VictoriaMetrics
from coldplate.console.benching.production import Cycle
from coldplate.console.benching.progress import Progress
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack import kafka_jars
from coldplate.sinks.errors import HistoryDown, HistoryRefused

OWN: tuple[Peer, ...] = (ColdplateSink(), ColdplateWorker())
PEERS: tuple[Peer, ...] = (
    ClickHouseKafka("JSONEachRow"), ClickHouseKafka("RowBinary"), Telegraf(), VictoriaMetrics(),
    Prometheus(), Bytewax(),
)  # fmt: skip
NAMES = tuple(peer.name for peer in (*OWN, *PEERS))
FILE = "peers.json"


def measure(
    gpus: int, seconds: float, only: Sequence[str] = (), out: Path | None = None
) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    gpus
        At least so many, in whole nodes of 8.
    seconds
        Of real time, for each peer.
    only
        Names of peers; empty for all.
    out
        Folder that gets the result as `peers.json`.

    Raises
    ------
    Failure, StackError
        A name is unknown; Kafka or ClickHouse did not start, or died.
    """
    if unknown := sorted(set(only) - set(NAMES)):
        raise Failure(f"no peer is called {', '.join(unknown)}; there are: {', '.join(NAMES)}", BAD_INPUT)  # fmt: skip
    wanted = set(only or NAMES)
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        progress.show("preparing a hall's frames", 0.0)
        load = load_of(gpus, seconds)
        with Ground(Path(folder) / "stack", progress) as ground:
            cycle = Cycle(load, ground.context.config.cluster, 1)
            rows = {peer.name: _row(peer, ground, cycle) for peer in (*OWN, *PEERS) if peer.name in wanted}  # fmt: skip
    result = {
        "gpus": load.nodes * 8, "nodes": load.nodes, "racks": load.racks, "seconds": seconds,
        "ticks_per_frame": load.ticks, "metrics": load.metrics,
        "peers": [rows[p.name] for p in PEERS if p.name in rows],
        "coldplate": [rows[p.name] for p in OWN if p.name in rows],
        "versions": {**versions(), "kafka": kafka_jars.version()}, "machine": describe(),
    }  # fmt: skip
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / FILE).write_text(json.dumps(plain(result), indent=1) + "\n", "utf-8")
    return result


def _row(peer: Peer, ground: Ground, cycle: Cycle) -> dict[str, Any]:
    """A peer's entry; one that cannot be had or does not hold out has the reason in place of figures."""
    words = {
        "name": peer.name, "stage": peer.stage, "does_not": list(peer.does_not),
        "objection": peer.objection, "configuration": _files(peer.configuration),
    }  # fmt: skip
    nothing = dict.fromkeys(FIGURES)
    ground.progress.show(f"{peer.name}: starting", 0.0)
    try:
        version = peer.version(ground)
    except (NotHere, Failure) as error:
        return {**words, "version": None, **nothing, "not_run": str(error)}
    ground.progress.show(f"{peer.name}: the servers come to rest", 0.0)
    ground.quiet()
    try:
        figures = peer.measure(ground, cycle)
    except (NotHere, Failure, HistoryDown, HistoryRefused, OSError, HTTPException) as error:
        # One of the servers that all stand on is no peer's fault.
        ground.poll()
        return {**words, "version": version, **nothing, "not_run": str(error)}
    return {**words, "version": version, **entry(figures), "not_run": None}


FIGURES = (
    "values", "values_per_s", "values_per_core_s", "cpu_s", "rss_mb", "broker_cpu_s", "latency_p50_s",
    "latency_p99_s", "latency_of", "lost", "duplicated", "unit", "seconds",
)  # fmt: skip


def entry(f: Figures) -> dict[str, Any]:
    """Figures as the JSON has them: of a run that lost or doubled anything only how much."""
    whole = f.lost == 0 and f.duplicated == 0
    used_s = sum(f.cpu_s.values())

    def kept(value: float, digits: int) -> float | None:
        return round(value, digits) if whole and math.isfinite(value) else None

    return {
        "values": f.values, "seconds": round(f.seconds, 2) if math.isfinite(f.seconds) else None,
        "values_per_s": kept(f.values / f.seconds if f.seconds > 0 else math.nan, 0),
        "values_per_core_s": kept(f.values / used_s if used_s > 0 else math.nan, 0),
        "cpu_s": {n: round(s, 2) for n, s in f.cpu_s.items()}, "rss_mb": dict(f.rss_mb),
        "broker_cpu_s": round(f.broker_cpu_s, 2), "latency_p50_s": kept(f.latency_p50_s, 3),
        "latency_p99_s": kept(f.latency_p99_s, 3), "latency_of": f.latency_of, "lost": f.lost,
        "duplicated": f.duplicated, "unit": f.unit, **f.more,
    }  # fmt: skip


def _files(names: Sequence[str]) -> dict[str, str]:
    """Committed files by name; what they hold."""
    paths = [(CONFIGURATION / name).resolve() for name in names]
    return {path.name: path.read_text("utf-8") for path in paths}


def plain(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result as it is kept: files by their names alone, since they are committed beside the peer."""
    kept = dict(result)
    for group in ("peers", "coldplate"):
        kept[group] = [
            {**row, "configuration": sorted(row["configuration"])} for row in kept[group]
        ]
    return kept
