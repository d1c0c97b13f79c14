"""The pipeline as parts of a local stack: servers, their set-up, worker, sink, and what sends frames."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.servers import local_servers
from coldplate.wire.inventory import Inventory, save_csv

PARTITIONS = 4
"""Enough to show that a rack stays in one; a laptop needs no more."""

STATS_OLD_S = 10.0
WORKER_STUCK_S = 60.0

PRODUCERS = ("twin", "agent")
WEB, CLUSTER_DETECTOR = "web", "cluster-detector"


@dataclass(frozen=True, slots=True)
class Chain:
    """What a supervisor runs, and where its parts write their counts.

    Parameters
    ----------
    parts
        In order of start.
    env
        For the parts: how to reach the servers. Holds secrets.
    run
        Folder of the counts and ledgers, one file a part.
    """

    parts: tuple[Part, ...]
    env: Mapping[str, str]
    run: Path

    def stats_file(self, part: str) -> Path:
        """Where a part writes its counts."""
        return self.run / f"{part}.json"

    def ledger_file(self, part: str) -> Path:
        """Where a part writes the ids of what it sent."""
        return self.run / f"{part}.ledger"


def command(*arguments: str) -> tuple[str, ...]:
    """This coldplate's own command, whatever stands on PATH."""
    return (sys.executable, "-m", "coldplate.console", *arguments)


def chain(
    context: Context, inventory: Inventory, producers: Sequence[Part], *, web: bool = False,
    workers: int = 1, sinks: int = 1,
) -> Chain:  # fmt: skip
    """The whole pipeline; takes the state folder's lock.

    Parameters
    ----------
    producers
        What sends frames; started when worker and sink are up.
    web
        Whether the live hall is offered too.
    workers, sinks
        Processes that share the partitions; of what several workers find a cluster detector makes incidents.

    Raises
    ------
    StackError
        When the servers are not in the cache, or another stack runs in the state folder.
    """
    # What worker, alerter or live hall would refuse is told before anything starts.
    context.parameters(inventory=inventory)
    if context.config.alerts.file:
        from coldplate.console.alerting import configured

        configured(context)
    if web:
        _check_web(context)
    state, config = context.state, context.config
    state.acquire()
    servers, endpoints = local_servers(
        state, Cache.default(), kafka=not config.kafka.brokers, clickhouse=not config.clickhouse.url
    )
    run = run_folder(context)
    for old in run.iterdir():
        old.unlink()
    save_csv(inventory, run / "inventory.csv")
    base = {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    if context.config_file:
        base["COLDPLATE_CONFIG"] = str(Path(context.config_file).absolute())
    if not config.kafka.brokers:
        base["COLDPLATE_KAFKA"] = endpoints.kafka
    roles = {} if config.clickhouse.url else {
        "owner": endpoints.clickhouse_owner, "writer": endpoints.clickhouse_writer,
        "reader": endpoints.clickhouse_reader,
    }  # fmt: skip
    steps = (
        Part(
            "topics", command("topics", "create", "--partitions", str(PARTITIONS)),
            depends_on=_if_there(servers, "kafka"), once=True,
        ),
        Part(
            "migrate", command("migrate", "--inventory", str(run / "inventory.csv")),
            env=_clickhouse(roles, "owner"), depends_on=_if_there(servers, "clickhouse"), once=True,
        ),
        *_workers(context, roles, run, workers),
        *(
            _service("sink", (), run, name=name, env=_clickhouse(roles, "writer"), depends_on=("topics", "migrate"))
            for name in names_of("sink", sinks)
        ),
        *_alerter(context, roles, run), *(_web(context, roles, run) if web else ()),
    )  # fmt: skip
    return Chain((*servers, *steps, *producers), base, run)


def names_of(part: str, count: int) -> tuple[str, ...]:
    """What so many of a part are called."""
    return (part, *(f"{part}-{n}" for n in range(2, count + 1)))


def _workers(context: Context, roles: Mapping[str, str], run: Path, count: int) -> Iterator[Part]:
    """Who judges, and where several do, or it is wished, who makes incidents of what they find."""
    known = ("--inventory", str(run / "inventory.csv"))
    joined = count > 1 or context.config.worker.joined
    env = {**_clickhouse(roles, "reader"), "COLDPLATE_WORKER__JOINED": str(joined).lower()}
    for name in names_of("worker", count):
        yield _service(
            "worker", known, run, name=name, env=env, depends_on=("topics",), stuck_s=WORKER_STUCK_S
        )
    if joined:
        yield _service(CLUSTER_DETECTOR, known, run, depends_on=("topics",))


def _alerter(context: Context, roles: Mapping[str, str], run: Path) -> tuple[Part, ...]:
    """Who tells people, where receivers are configured."""
    if not context.config.alerts.file:
        return ()
    stats = run / "alerter.json"
    env = {
        **_clickhouse(roles, "reader"), "COLDPLATE_INVENTORY": str(run / "inventory.csv"),
        "COLDPLATE_ALERTS__FILE": str(Path(context.config.alerts.file).absolute()),
        "COLDPLATE_STATE": str(context.state.path),
    }  # fmt: skip
    return (
        Part(
            "alerter", command("alerts", "run", "--stats", str(stats)), env=env, health=fresh(stats),
            depends_on=("topics",),
        ),
    )  # fmt: skip


def _check_web(context: Context) -> None:
    from coldplate.dashboards.web.options import OptionsError, check

    try:
        check(context.config.web)
    except OptionsError as error:
        raise Failure(str(error), BAD_INPUT) from None


def _web(context: Context, roles: Mapping[str, str], run: Path) -> tuple[Part, ...]:
    """The live hall; nobody else waits for it."""
    stats, wanted = run / f"{WEB}.json", context.config.web.port
    port = context.state.port(WEB, (wanted,) if wanted else ())

    def health() -> str | None:
        return None if web_address(run) else "its address"

    return (
        Part(
            WEB, command(WEB, "--port", str(port), "--stats", str(stats)),
            env={**_clickhouse(roles, "reader"), "COLDPLATE_STATE": str(context.state.path)},
            health=health, depends_on=("migrate",), ports={WEB: port},
        ),
    )  # fmt: skip


def web_address(run: Path) -> str:
    """Where the live hall of the stack is; "" while it is not offered."""
    return str(read_stats(run / f"{WEB}.json").get("url", ""))


def run_folder(context: Context) -> Path:
    """Where the parts of the stack write their counts."""
    return context.state.folder("run")


def _if_there(servers: Sequence[Part], name: str) -> tuple[str, ...]:
    """A server the user already has is not ours to start."""
    return tuple(p.name for p in servers if p.name == name)


def _clickhouse(roles: Mapping[str, str], role: str) -> dict[str, str]:
    return {"COLDPLATE_CLICKHOUSE": roles[role]} if roles else {}


def _service(
    verb: str, options: Sequence[str], run: Path, *, name: str = "",
    depends_on: tuple[str, ...], env: Mapping[str, str] | None = None, stuck_s: float | None = None,
) -> Part:  # fmt: skip
    name = name or verb
    stats = run / f"{name}.json"
    return Part(
        name, command(verb, *options, "--stats", str(stats)), env=env or {}, health=fresh(stats),
        depends_on=depends_on, unhealthy_limit_s=stuck_s,
    )  # fmt: skip


def fresh(stats: Path) -> Callable[[], str | None]:
    """A part is well while it writes its counts."""

    def health() -> str | None:
        age_s = time.time() - read_stats(stats).get("at", 0.0)
        return None if age_s < STATS_OLD_S else f"its counts in {os.path.basename(stats)}"  # noqa: PTH119

    return health
