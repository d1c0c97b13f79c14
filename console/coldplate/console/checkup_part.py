"""The checks of `coldplate doctor --part`: what one part needs where it runs, in its pod, container or service.

With the part's own configuration, user and rights, and without a change: it joins no group and writes nothing.
"""

import json
import os
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coldplate.agents.options.local import Local
from coldplate.console.checkup import Check, Finding, clock, configuration, found, packages
from coldplate.console.context import Context, Role
from coldplate.console.failure import Failure
from coldplate.console.vitals.options import Local as PartLocal
from coldplate.wire.refusal import RIGHTS

if TYPE_CHECKING:
    from coldplate.sinks.client import Client

LAG_RECORDS = 20_000
"""As the chart's alert ColdplateWorkerBehind has it: some 10 s of a hall of 100,000 GPUs."""
LATELY_S, BEHIND_S = 60, 60
"""What was stored so lately, and how old the newest of it may be: frames of 10 s that a sink of a large hall keeps for 5 s are a quarter of it."""
UNSTORED_S = 30
"""So old may a frame in Kafka be while nothing of the last minute is stored: a hall has just begun, or a sink has."""
FREE_BYTES = 100_000_000
ASK_S = 3.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What a part needs.

    Parameters
    ----------
    extras
        Of the package.
    role
        In Kafka, as `coldplate.wire.rights` has it; "" does without Kafka.
    history
        As whom it asks ClickHouse; None does without.
    optional
        Whether it also runs without a ClickHouse.
    """

    extras: tuple[str, ...]
    role: str = ""
    history: Role | None = None
    optional: bool = False


PARTS = {
    "agent": Needs(("agents",), "agent"),
    "plant": Needs(("agents",), "plant"),
    "worker": Needs(("streams",), "worker", "reader", optional=True),
    "cluster-detector": Needs(("streams",), "cluster"),
    "sink": Needs(("sinks",), "sink", "writer"),
    "alerter": Needs(("sinks",), "alerts", "reader", optional=True),
    "web": Needs(("sinks", "dashboards"), "", "reader"),
    "topics": Needs((), "topics"),
    "migrate": Needs(("sinks",), "", "owner"),
}
LOCALS: dict[str, Callable[[Context], Local | PartLocal]] = {
    "agent": lambda c: c.config.agent.local,
    "plant": lambda c: c.config.agent.local,
    "worker": lambda c: c.config.worker.local,
    "cluster-detector": lambda c: c.config.cluster_detector.local,
    "sink": lambda c: c.config.sink.local,
    "alerter": lambda c: c.config.alerts.local,
}


def checkup_of(context: Context, part: str) -> list[Finding]:
    """Every check of one of `PARTS`."""
    needs = PARTS[part]
    checks: dict[str, Check] = {
        "configuration": configuration,
        "packages": lambda _: _packages(needs),
    }
    if needs.role:
        checks["kafka"] = lambda c: _kafka(c, needs.role, part)
    if needs.history is not None:
        checks["clickhouse"] = lambda c: _history(c, needs, part)
    checks |= {"disk": lambda c: _folder(c, part), part: lambda c: _itself(c, part), "clock": clock}
    return found(context, checks)


def _packages(needs: Needs) -> Iterator[Finding]:
    for extra in needs.extras:
        yield from packages(extra)


def _kafka(context: Context, role: str, part: str) -> Iterator[Finding]:
    """Whether it lets this user in, has the topics that the part has a right to, and how far its group is behind."""
    from coldplate.agents.standing import Unknown, partitions
    from coldplate.wire.rights import roles

    kafka = context.config.kafka
    who = kafka.sasl_user or kafka.cert_file or "anybody"
    try:
        where = f"{context.brokers}, {kafka.security_protocol} as {who}"
        names = [s.name for s in context.topics.specs()] if role == "topics" else [
            right.name for right in roles(context.topics)[role].rights if right.resource == "topic"
        ]  # fmt: skip
        there = partitions(context.kafka, names)
    except (Unknown, Failure) as error:
        yield Finding("kafka", False, str(error), "mend its address, certificates or user; without it everything waits")  # fmt: skip
        return
    yield Finding("kafka", True, where)
    for name, count in there.items():
        ok = isinstance(count, int)
        todo = "" if ok else "coldplate topics create" if count == "does not exist" else RIGHTS
        yield Finding(f"topic {name}", ok, f"{count} partitions" if ok else str(count), todo)
    frames, events = (there.get(n) for n in (context.topics.frames, context.topics.events))
    if isinstance(frames, int) and isinstance(events, int) and frames != events:
        yield Finding("partitions", False, f"frames has {frames}, events {events}", "give both as many: a rack's events must come to the worker of its frames")  # fmt: skip
    yield from _lag(context, part)


def _lag(context: Context, part: str) -> Iterator[Finding]:
    """How far the part's group is behind."""
    from coldplate.agents.follow import Lag, NotAnswering

    group = {"worker": context.config.worker.group, "sink": context.config.sink.group}.get(part)
    if group is None:
        return
    name = f"lag of group {group}"
    try:
        with closing(Lag(context.kafka, context.topics.frames, [group])) as lag:
            records = lag.records()[group]
    except (NotAnswering, Failure) as error:
        yield Finding(name, False, str(error), RIGHTS)
        return
    found = f"{records} records of {context.topics.frames}"
    wait_s = context.config.sink.rollup_s if part == "sink" else 0.0
    if wait_s:
        # Stored, and not committed: how many that may be depends on the hall. `_stored` judges what is stored.
        found += f"; {wait_s:g} s of them may be stored and wait for their rollups"
    ok = records <= LAG_RECORDS or bool(wait_s)
    todo = "" if ok else "see whether it waits for a server; otherwise more of them, up to the partitions"  # fmt: skip
    yield Finding(name, ok, found, todo)


def _history(context: Context, needs: Needs, part: str) -> Iterator[Finding]:
    """Whether it lets this user in, and has this program's schema."""
    from coldplate.sinks.client import Client
    from coldplate.sinks.errors import HistoryError, MigrationError
    from coldplate.sinks.migrate import pending

    if needs.optional and not context.config.clickhouse.url and context.local is None:
        yield Finding("clickhouse", True, "none is named; this part runs without")
        return
    try:
        settings = context.clickhouse(needs.history or "reader")
        with closing(Client(settings)) as client:
            (row,) = client.execute("SELECT version()")
            where = f"{row[0]} at {settings.host}:{settings.port}/{settings.database} as {settings.user}"  # fmt: skip
            yield Finding("clickhouse", True, where)
            lacking = pending(client)
            if part == "sink" and not lacking:
                yield _stored(context, client)
    except MigrationError as error:
        yield Finding("schema", False, str(error), "run the coldplate that migrated it")
    except (HistoryError, Failure) as error:
        yield Finding("clickhouse", False, str(error), "mend its address, certificate, user or rights")  # fmt: skip
    else:
        said = f"lacks {', '.join(lacking)}" if lacking else "up to date"
        yield Finding("schema", not lacking, said, "coldplate migrate" if lacking else "")


def _stored(context: Context, client: "Client") -> Finding:
    """How old the newest is that came in lately, whatever is committed; when nothing came, whether anything could."""
    sql = (
        "SELECT count(), dateDiff('second', max(t), now64(3)) FROM frames "
        f"WHERE stored_at > now64(3) - INTERVAL {LATELY_S} SECOND"
    )
    ((frames, behind_s),) = client.execute(sql)
    name = "newest stored"
    if not frames:
        return _nothing_stored(context, name)
    ok = behind_s <= BEHIND_S
    todo = "" if ok else "see whether it waits for a server; otherwise more sinks, or sink.rollup_s"  # fmt: skip
    return Finding(name, ok, f"{behind_s} s old", todo)


def _nothing_stored(context: Context, name: str) -> Finding:
    """An idle hall has nothing in Kafka either."""
    from coldplate.agents.follow import Lag, NotAnswering

    found = f"nothing was stored within the last {LATELY_S} s"
    now_ms = time.time_ns() // 1_000_000
    try:
        with closing(Lag(context.kafka, context.topics.frames, ())) as lag:
            first_ms = lag.first_since(now_ms - 1000 * LATELY_S)
    except (NotAnswering, Failure):
        # Told beside it.
        return Finding(name, True, found)
    if first_ms is None:
        return Finding(name, True, f"{found}, and Kafka has no frame that waits for it")
    age_s = (now_ms - first_ms) / 1000
    if age_s < UNSTORED_S:
        return Finding(name, True, f"{found}; frames came to Kafka {age_s:.0f} s ago, look again")
    todo = "see whether a sink runs, and whether it waits for a server: its log says why"
    return Finding(name, False, f"{found}, though Kafka has frames of {age_s:.0f} s ago", todo)


def _folder(context: Context, part: str) -> Iterator[Finding]:
    """Where it keeps what waits, or what it writes for the time being."""
    needed = FREE_BYTES
    if part in {"agent", "plant"}:
        from coldplate.console.crew import state_dir

        folder, name = state_dir(context), "spool"
        held = sum(p.stat().st_size for p in (folder / "spool").glob("*") if p.is_file())
        needed = max(0, context.config.agent.spool.bytes_max - held)
    elif part == "alerter":
        from coldplate.console.alerting import outbox_path

        folder, name = outbox_path(context).parent, "disk of what waits"
    else:
        folder, name = Path(tempfile.gettempdir()), "temporary folder"
        needed = 1_000_000
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free
    writable = os.access(there, os.W_OK)
    todo = "" if writable else f"let user {os.getuid()} write {there}"
    if writable and free < needed:
        todo = f"make room: {needed / 1e6:.0f} MB are to be had; with less the oldest records are dropped earlier"  # fmt: skip
    yield Finding(name, not todo, f"{free / 1e6:.0f} MB free, {folder}", todo)


def _itself(context: Context, part: str) -> Iterator[Finding]:
    """What the part that runs here says of itself."""
    local = LOCALS[part](context) if part in LOCALS else None
    if local is None or not local.port:
        return
    port, waits = local.port, ""
    url = f"{'https' if local.cert_file else 'http'}://127.0.0.1:{port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=ASK_S, context=_anybody()) as answer:  # noqa: S310  ours
            ok, said = answer.status == 200, "ready"
    except urllib.error.HTTPError as error:
        ok, said = False, "not ready"
        waits = _waiting_for(error.read())
    except OSError as error:
        ok, said = False, f"nobody answers: {error}"
    found_ = f"{said}{f', waits for {waits}' if waits else ''}, port {port}"
    yield Finding(f"the {part} itself", ok, found_, "" if ok else "its log says why")


def _anybody() -> ssl.SSLContext:
    """Takes any certificate: it is this machine that is asked, and its certificate is for the name that Prometheus uses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _waiting_for(body: bytes) -> str:
    try:
        return str(json.loads(body).get("waiting_for") or "")
    except ValueError:
        return ""
