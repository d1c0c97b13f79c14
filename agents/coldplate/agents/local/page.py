"""The page of `/metrics`: made when somebody asks, from what the last tick left behind.

Metrics that DCGM knows too have its names, units and labels; every other one is `coldplate_NAME` with the catalogue's
name and unit. A value that is not fresh is absent (latest.py).
"""

import os
from collections.abc import Iterator, Mapping

from coldplate.agents.local.dcgm import gpu_labels, value_of
from coldplate.agents.local.exposition import Family, Labels
from coldplate.agents.local.status import Status
from coldplate.wire.metric import CATALOGUE, Kind, Metric

_GAUGES = {
    "records_pending", "records_in_flight", "records_unsaved", "records_spool_records",
    "records_spool_bytes",
}  # fmt: skip
"""Counts that may fall."""


def families(status: Status, hostname: tuple[str, str]) -> list[Family]:
    """Everything there is to tell.

    Parameters
    ----------
    status
        Of the agent.
    hostname
        Name and value of the label with the machine's name.
    """
    return [*_samples(status, hostname), *_collectors(status), *_agent(status, hostname)]


def _samples(status: Status, hostname: tuple[str, str]) -> Iterator[Family]:
    latest = status.latest
    if latest is None:
        return
    owners = status.owners()
    # By name: a CDU and a hall have metrics of one name, which must stand together.
    found: dict[str, Family] = {}
    for kind, values in latest.fresh().items():
        labels = [
            _labels(status, kind, device, owners, hostname) for device in latest.devices[kind]
        ]
        for metric in CATALOGUE[kind]:
            family = _family(found, metric)
            for column, (of_dcgm, of_ours) in enumerate(labels):
                value = float(values[metric.number, column])
                if metric.dcgm is not None:
                    family.add(of_dcgm, value_of(metric.dcgm, value))
                else:
                    family.add(of_ours, value)
    yield from found.values()
    xids = Family("DCGM_FI_DEV_XID_ERRORS", "gauge", "Last XID since the agent's start")
    for gpu in latest.devices.get(Kind.GPU, ()):
        if gpu in status.xids:
            labels_of_gpu, _ = _labels(status, Kind.GPU, gpu, owners, hostname)
            xids.add(labels_of_gpu, float(status.xids[gpu]))
    yield xids


def _family(found: dict[str, Family], metric: Metric) -> Family:
    name = metric.dcgm or f"coldplate_{metric.name}"
    if name not in found:
        unit = "" if metric.unit == "1" or metric.dcgm else f" ({metric.unit})"
        kind = "counter" if metric.counter else "gauge"
        # `coldplate_ecc_..._total` ends as counters must; a gauge must not.
        found[name] = Family(name, "counter" if kind == "counter" else "gauge", metric.help + unit)
    return found[name]


def _labels(
    status: Status, kind: Kind, device: str, owners: Mapping[str, Mapping[str, str]],
    hostname: tuple[str, str],
) -> tuple[Labels, Labels]:  # fmt: skip
    """Of a metric of DCGM's, and of one of ours, which has our id too."""
    if kind is not Kind.GPU:
        ours = {"id": device, hostname[0]: hostname[1]}
        return ours, ours
    index = device.rpartition("gpu-")[2]
    # What is the whole node's, such as the driver's version, holds for its GPUs.
    facts = {**status.facts.get(status.node, {}), **status.facts.get(device, {})}
    dcgm = gpu_labels(index, facts, owners.get(device, {}), hostname)
    return dcgm, {"id": device, **dcgm}


def _collectors(status: Status) -> Iterator[Family]:
    success = Family("coldplate_collector_success", "gauge", "1 when the last asking was answered")
    took = Family("coldplate_collector_duration_seconds", "gauge", "Time of the last answer")
    last = Family(
        "coldplate_collector_last_success_timestamp_seconds", "gauge", "Tick of the last answer"
    )
    asked = Family("coldplate_collector_asked_total", "counter", "Askings")
    failures = Family("coldplate_collector_failures_total", "counter", "Askings without an answer")
    for health in status.collectors():
        labels = {"collector": health.name}
        success.add(labels, float(health.ok))
        if health.duration_s is not None:
            took.add(labels, health.duration_s)
        if health.last_success_ms is not None:
            last.add(labels, health.last_success_ms / 1000)
        for reason, count in health.counts.items():
            if reason == "asked":
                asked.add(labels, float(count))
            elif reason != "answered":
                failures.add({**labels, "reason": reason}, float(count))
    for name in status.missing:
        success.add({"collector": name}, 0.0)
    yield from (success, took, last, asked, failures)


def _agent(status: Status, hostname: tuple[str, str]) -> Iterator[Family]:
    info = Family("coldplate_agent_info", "info", "Which agent this is")
    info.add({"version": status.version, "node": status.node, hostname[0]: hostname[1]}, 1.0)
    yield info
    dropped = Family("coldplate_records_dropped_total", "counter", "Records dropped, by reason")
    for name, value in status.counts().items():
        if not isinstance(value, int | float) or name in ("boot", "started_ms"):
            continue
        if name.startswith("records_dropped_"):
            dropped.add({"reason": name.removeprefix("records_dropped_")}, float(value))
            continue
        gauge = name in _GAUGES
        told = name if name.startswith("records_") else f"loop_{name}"
        told = f"coldplate_{told}" if gauge else f"coldplate_{told}_total"
        words = name.replace("_", " ").removeprefix("records ")
        what = "Records" if name.startswith("records_") else "The loop's"
        family = Family(told, "gauge" if gauge else "counter", f"{what}: {words}")
        family.add({}, float(value))
        yield family
    yield dropped
    # Under the name that every part has for it.
    reloads = Family("coldplate_part_reloads_total", "counter", "Configurations read again, by outcome: taken, refused")  # fmt: skip
    for outcome, count in status.reloads.items():
        reloads.add({"outcome": outcome}, float(count))
    yield reloads
    latest = status.latest
    tick = Family("coldplate_last_tick_timestamp_seconds", "gauge", "Tick of the last samples")
    if latest is not None and latest.t_ms is not None:
        tick.add({}, latest.t_ms / 1000)
    yield tick


def machine_name(configured: str) -> str:
    """The machine's name for labels: as configured, as `NODE_NAME` says in a container, or its own."""
    return configured or os.environ.get("NODE_NAME", "") or os.uname().nodename
