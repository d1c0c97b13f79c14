"""Whether everybody is who they say, may do no more than they must, and no secret is seen.

A real Kafka with TLS, users and an authorizer, a real ClickHouse behind TLS, and our own programs, started for this and ended
after it. Each case says what was tried, what had to come of it, and the line that a person reads; at the end everything
that was printed, logged or visible in the list of processes is searched for every password, token and key.
"""

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from coldplate.console.benching import security_clickhouse as clickhouse
from coldplate.console.benching import security_kafka as kafka
from coldplate.console.benching import security_metrics as metrics
from coldplate.console.benching import security_programs as programs
from coldplate.console.benching import security_web as web
from coldplate.console.benching.machine import describe, versions
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.security_case import Case, Outputs, Trial, heard, try_out
from coldplate.console.benching.security_leaks import leaks, look_at_processes, secrets_of
from coldplate.console.benching.security_tls import proxy
from coldplate.console.benching.security_world import SERVERS, World, build, temporary
from coldplate.console.stack import chdb, kafka_jars

START_S, LISTEN_S = 120.0, 60.0
AT_ONCE = 8
"""Cases that are tried side by side: most of them wait until a client's time is over."""


def measure(out: Path | None = None) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    out
        Where all that was searched for secrets is kept; None keeps nothing.

    Raises
    ------
    Failure, StackError
        A server did not start, or a package is missing.
    """
    began_s, outputs = time.monotonic(), Outputs()
    with temporary() as folder, Progress() as progress:
        world = build(Path(folder))
        with world.crew as crew:
            crew.begin(*SERVERS)
            crew.until(
                lambda: crew.healthy(*SERVERS), START_S, "servers",
                lambda: progress.show("starting Kafka and ClickHouse", 0.0),
            )  # fmt: skip
            run = _Run(world, outputs, progress)
            found = run.through()
        for log in world.state.logs.iterdir():
            outputs.add(f"log of {log.stem}", log.read_text("utf-8", errors="replace"))
        told = [case.as_json() for case in found]
        outputs.add("report", json.dumps(told))
        if out is not None:
            _keep(out, outputs)
        leaked = leaks(outputs, secrets_of(world))
        return {
            "cases": told, "tried": len(found), "failed": [c.name for c in found if not c.ok],
            "refused_as_expected": sum(c.ok and c.refused for c in found),
            "leaks": len(leaked), "leaked": leaked,
            "searched": {
                "outputs": len(outputs.texts), "processes": run.processes,
                "bytes": sum(map(len, outputs.texts.values())),
            },
            "kafka": kafka_jars.version(), "clickhouse": chdb.version(), "tls_proxy": proxy(),
            "seconds": round(time.monotonic() - began_s, 1), "versions": versions(), "machine": describe(),
        }  # fmt: skip


class _Run:
    """The cases in their order."""

    def __init__(self, world: World, outputs: Outputs, progress: Progress) -> None:
        self._world, self._outputs, self._progress = world, outputs, progress
        self._found: list[Case] = []
        self.processes = 0

    def through(self) -> list[Case]:
        """All of them."""
        world = self._world
        with heard("coldplate") as lines:
            kafka.prepare(world)
            clickhouse.prepare(world)
            with programs.Programs(world.folder) as running:
                hall = running.start(web.web_program(world))
                works = programs.workers(world, running, metrics.worker_env(world))
                self._one_by_one(kafka.rights(world))
                self._side_by_side([*kafka.ways_in(world), *clickhouse.cases(world), *works])
                self._one_by_one(metrics.cases(world))
                programs.wait_for(lambda: web.listens(world), LISTEN_S, hall)
                self._one_by_one(web.cases(world))
                self._look(running)
            with programs.Programs(world.folder) as running:
                trials = programs.refused(world, running)
                self._look(running)
                self._side_by_side(trials)
            self._one_by_one(kafka.rotation(world))
        self._outputs.add("log of this process", "\n".join(lines))
        self._outputs.add("reprs", repr([world, world.login("sink"), world.mutual("admin")]))
        return self._found

    def _one_by_one(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            self._take(try_out(trial, self._outputs))

    def _side_by_side(self, trials: Iterable[Trial]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for case in pool.map(lambda trial: try_out(trial, self._outputs), trials):
                self._take(case)

    def _take(self, case: Case) -> None:
        self._found.append(case)
        self._progress.show(f"{case.name}: {'ok' if case.ok else 'NOT ok'}", 0.5)

    def _look(self, running: programs.Programs) -> None:
        """Our programs, the servers, and this process."""
        running.read(self._outputs)
        servers = [k.state().pid for k in self._world.crew.keepers.values()]
        ours = [p.process.pid for p in running.all if p.process is not None]
        pids = [pid for pid in (*servers, *ours) if pid is not None]
        self.processes += look_at_processes(self._outputs, [*pids, os.getpid()])


def _keep(out: Path, outputs: Outputs) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "outputs.txt").open("w", encoding="utf-8") as file:
        for where, text in outputs.texts.items():
            file.write(f"== {where}\n{text}\n")
