"""`coldplate agent --once` and `--record`: what this machine has, without Kafka."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Collector, Origin
from coldplate.agents.local.status import merged
from coldplate.agents.recorder import record
from coldplate.console.agenting import START_S
from coldplate.console.config import Config
from coldplate.console.context import Context
from coldplate.console.crew import Crew, Ties, hiring
from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure
from coldplate.console.output import print_json, rfc3339
from coldplate.console.running import stop_on_signals
from coldplate.wire.metric import CATALOGUE, Kind, metric

LOOK_MS, LOOKS_MIN, LOOKS_MAX = 500, 2, 8
"""Samples are taken at this pace: two because shares are of what lies between, more until all has come that may."""

DEADLINE_S = 2.0
"""Nobody waits for the next tick here, so a slow answer is waited for."""


def local_collector(
    context: Context, recording: str | None = None, node: str = "", rack: str = ""
) -> tuple[Crew, Collector]:
    """Everything that this machine has, or a recording, for a command that looks at it.

    Returns
    -------
    crew, collector
        Close the collector first, then the crew.

    Raises
    ------
    Failure
        When the configuration or the recording cannot be used.
    """
    crew = hiring(node, rack, recording)(context, Ties())
    crew.wait(START_S)
    return crew, crew.gather(deadline_s=DEADLINE_S)


def print_once(
    context: Context, node: str, rack: str, recording: str | None, *, as_json: bool
) -> None:
    """Print every metric of every device.

    Raises
    ------
    Failure
        When nothing could be read.
    """
    context.config = _eager(context.config)
    crew, collector = local_collector(context, recording, node, rack)
    try:
        t_ms, values = _look(collector)
        devices = _devices(collector, values)
        health = merged(collector.health())
        missing = crew.missing()
    finally:
        collector.close()
        crew.close()
    collectors = [{"name": h.name, "ok": h.ok, "text": h.text} for h in health]
    collectors += [{"name": n, "ok": False, "text": why} for n, why in missing.items()]
    if as_json:
        print_json(
            {"node": crew.node, "t": rfc3339(t_ms), "devices": devices, "collectors": collectors}
        )
    else:
        _print_tables(devices, collectors)
    if not any(m["value"] is not None for d in devices for m in d["metrics"].values()):
        raise Failure("nothing could be read on this machine", NOT_THERE)


def record_into(
    context: Context, node: str, rack: str, recording: str | None, folder: Path, seconds: float
) -> None:
    """Write a recording of the GPUs.

    Raises
    ------
    Failure
        When there is no GPU, or the folder cannot be written.
    """
    crew, collector = local_collector(context, recording, node, rack)
    try:
        with stop_on_signals() as stop:
            for made in record(collector, folder, seconds, stop):
                click.echo(f"{made}: replay it with `coldplate agent --recording {made}`")
    except (ValueError, OSError) as error:
        why = "; ".join(f"{name}: {text}" for name, text in crew.missing().items())
        raise Failure(f"{error}{' (' + why + ')' if why else ''}", BAD_INPUT) from None
    finally:
        collector.close()
        crew.close()


def _eager(config: Config) -> Config:
    """The configuration with everything read at every tick."""
    nvml = msgspec.structs.replace(config.agent.nvml, slow_ticks=1)
    return msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, nvml=nvml))


def _look(collector: Collector) -> tuple[int, dict[Kind, NDArray[np.float64]]]:
    """Time of the last sample, and the newest value of each metric in a few."""
    pause = threading.Event()
    newest: dict[Kind, NDArray[np.float64]] = {}
    step = int(time.time() * 1000) // LOOK_MS + 1
    for count in range(1, LOOKS_MAX + 1):
        pause.wait(max(0.0, step * LOOK_MS / 1000 - time.time()))
        for kind, values in collector.sample(step * LOOK_MS).items():
            newest[kind] = np.where(np.isnan(values), newest.get(kind, values), values)
        step += 1
        if count >= LOOKS_MIN and not _awaited(collector, newest):
            break
    return (step - 1) * LOOK_MS, newest


def _awaited(collector: Collector, newest: dict[Kind, NDArray[np.float64]]) -> bool:
    """Whether a metric has no value though nothing says why."""
    origins = collector.origins()
    return any(
        not origin.absent and np.isnan(newest[kind][metric(kind, name).number, column])
        for kind, ids in collector.devices.items()
        for column, device in enumerate(ids)
        for name, origin in origins.get(device, {}).items()
    )


def _devices(collector: Collector, values: dict[Kind, NDArray[np.float64]]) -> list[dict[str, Any]]:
    origins = collector.origins()
    return [
        {
            "id": device,
            "kind": kind.word,
            "metrics": _metrics(kind, values[kind][:, column], origins.get(device, {})),
        }
        for kind, ids in collector.devices.items()
        for column, device in enumerate(ids)
    ]


def _metrics(
    kind: Kind, values: NDArray[np.float64], origins: "dict[str, Origin] | Any"
) -> dict[str, dict[str, Any]]:
    out = {}
    for entry in CATALOGUE[kind]:
        value = float(values[entry.number])
        there = not np.isnan(value)
        origin = origins.get(entry.name)
        absent = "" if there else (origin.absent if origin else "") or "not-given"
        out[entry.name] = {
            "value": value if there else None,
            "unit": entry.unit,
            "source": origin.source if origin else entry.source if there else "",
            "cost_us": origin.cost_us if origin else None,
            "absent": absent,
        }
    return out


def _print_tables(devices: Sequence[dict[str, Any]], collectors: Sequence[dict[str, Any]]) -> None:
    for device in devices:
        click.echo(f"{device['kind']} {device['id']}")
        rows = [("metric", "value", "unit", "us", "source")]
        for name, m in device["metrics"].items():
            value = f"{m['value']:.10g}" if m["value"] is not None else "-"
            cost = "" if m["cost_us"] is None else f"{m['cost_us']:.0f}"
            unit = "" if m["unit"] == "1" else m["unit"]
            rows.append((name, value, unit, cost, m["absent"] or m["source"]))
        _print_rows(rows)
        click.echo()
    if collectors:
        states = [(c["name"], "ok" if c["ok"] else "not well", c["text"]) for c in collectors]
        _print_rows([("collector", "state", "why"), *states])


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """Aligned columns without a library: an agent's machine has none for tables."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  " + "  ".join(cells).rstrip())
