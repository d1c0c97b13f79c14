"""The pipeline as parts of a local stack: servers, their set-up, worker, sink, and what sends frames."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coldplate.console.context import Context
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


def chain(context: Context, inventory: Inventory, producers: Sequence[Part]) -> Chain:
    """The whole pipeline; takes the state folder's lock.

    Parameters
    ----------
    producers
        What sends frames; started when worker and sink are up.

    Raises
    ------
    StackError
        When the servers are not in the cache, or another stack runs in the state folder.
    """
    # Limits that the worker would refuse are told before anything starts.
    context.parameters(inventory=inventory)
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
        _service(
            "worker", ("--inventory", str(run / "inventory.csv")), run, env=_clickhouse(roles, "reader"),
            depends_on=("topics",), stuck_s=WORKER_STUCK_S,
        ),
        _service("sink", (), run, env=_clickhouse(roles, "writer"), depends_on=("topics", "migrate")),
    )  # fmt: skip
    return Chain((*servers, *steps, *producers), base, run)


def run_folder(context: Context) -> Path:
    """Where the parts of the stack write their counts."""
    return context.state.folder("run")


def _if_there(servers: Sequence[Part], name: str) -> tuple[str, ...]:
    """A server the user already has is not ours to start."""
    return tuple(p.name for p in servers if p.name == name)


def _clickhouse(roles: Mapping[str, str], role: str) -> dict[str, str]:
    return {"COLDPLATE_CLICKHOUSE": roles[role]} if roles else {}


def _service(
    name: str, options: Sequence[str], run: Path, *,
    depends_on: tuple[str, ...], env: Mapping[str, str] | None = None, stuck_s: float | None = None,
) -> Part:  # fmt: skip
    stats = run / f"{name}.json"
    return Part(
        name, command(name, *options, "--stats", str(stats)), env=env or {}, health=_fresh(stats),
        depends_on=depends_on, unhealthy_limit_s=stuck_s,
    )  # fmt: skip


def _fresh(stats: Path) -> Callable[[], str | None]:
    """A part is well while it writes its counts."""

    def health() -> str | None:
        age_s = time.time() - read_stats(stats).get("at", 0.0)
        return None if age_s < STATS_OLD_S else f"its counts in {os.path.basename(stats)}"  # noqa: PTH119

    return health
