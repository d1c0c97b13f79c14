"""Whether a rollout loses or doubles anything: agents, workers and sinks are restarted in turn while frames flow and faults come.

A real Kafka, ClickHouse, two agents, two workers and two sinks, started for this and ended after it. The twin's hall is the load,
and its pumps stop one after the other, so that incidents open while parts are away; the agents replay a recorded GPU beside it,
with a spool each. A part is told to end as Kubernetes does it, started anew when it has, and the next one has its turn when it has
caught up.
"""

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.crew import Crew, clean_environment
from coldplate.console.benching.outcome import read_ledger
from coldplate.console.benching.progress import Progress
from coldplate.console.chain import command, fresh
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.inventory import Device, Inventory, generate, save_csv
from coldplate.wire.topic import Topics

CLICKHOUSE, KAFKA, TWIN = "clickhouse", "kafka", "twin"
IN_TURN = ("agent-0", "worker-0", "sink-0", "agent-1", "worker-1", "sink-1")
PARTITIONS, RACKS, NODES, GPUS = 4, 4, 4, 8
AGENTS_RACK = "agents"
"""Of no coolant unit: its nodes are the recorded ones."""

FIRST_FAULT_S, FAULT_EVERY_S = 10.0, 6.0
CALM_S, COUNT_EVERY_S, SETTLE_S = 2.0, 0.25, 3.0
START_S_MAX, TURN_S_MAX, INCIDENT_S_MAX, DRAIN_S_MAX = 90.0, 120.0, 120.0, 120.0

_FAULT = """
[[faults]]
kind = "pump-stop"
subject = "rack-{rack:04d}/cdu"
at_s = {at_s}
pump = 1
spare_ratio = 0.3
"""


def measure(restarts: int, recording: Path, out: Path | None = None) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    restarts
        How many, of `IN_TURN` again and again.
    recording
        Folder of the recorded GPU that the agents replay.
    out
        Where ledgers and logs are kept.

    Raises
    ------
    Failure, StackError
        There is no recording; a part did not come back.
    """
    if not (recording / "trace-10hz.csv").is_file():
        raise Failure(f"{recording} has no trace-10hz.csv: --recording names a folder that `coldplate agent --record` wrote", BAD_INPUT)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        state = StateDir(Path(folder) / "stack")
        faults = min(restarts, RACKS)
        endpoints, parts = _parts(state, recording.absolute(), faults)
        run = state.folder("run")
        with parts as crew:
            try:
                return _Run(crew, endpoints, run, faults, progress).result(restarts)
            finally:
                if out is not None:
                    for kept in (run, state.logs):
                        shutil.copytree(kept, out / kept.name, dirs_exist_ok=True)


def _parts(state: StateDir, recording: Path, faults: int) -> tuple[Endpoints, Crew]:
    servers, endpoints = local_servers(state, Cache.default())
    run, hall = state.folder("run"), generate(RACKS, NODES, GPUS)
    save_csv(Inventory([*hall, *_recorded()]), run / "inventory.csv")
    scenario = f"racks = {RACKS}\nnodes = {NODES}\ngpus = {GPUS}\nsupply_c = 40.0\n" + "".join(
        _FAULT.format(rack=n, at_s=FIRST_FAULT_S + n * FAULT_EVERY_S) for n in range(faults)
    )
    (run / "rollout.toml").write_text(scenario, "utf-8")
    env = {
        "COLDPLATE_KAFKA": endpoints.kafka, "COLDPLATE_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1", "COLDPLATE_INVENTORY": str(run / "inventory.csv"),
    }  # fmt: skip

    def part(name: str, *words: str, ledger: bool = False, **more: str) -> Part:
        stats = run / f"{name}.json"
        noted = ("--ledger", str(run / f"{name}.ledger")) if ledger else ()
        return Part(
            name, command(*words, "--stats", str(stats), *noted), env={**env, **more},
            health=fresh(stats), stop_limit_s=30.0,
        )  # fmt: skip

    def ours() -> Iterator[Part]:
        for n in range(2):
            yield part(
                f"worker-{n}", "worker", COLDPLATE_WORKER__INSTANCE=f"worker-{n}",
                COLDPLATE_CLICKHOUSE=endpoints.clickhouse_reader,
            )  # fmt: skip
            yield part(
                f"sink-{n}", "sink", COLDPLATE_SINK__INSTANCE=f"sink-{n}", COLDPLATE_SINK__FLUSH_S="0.5",
                COLDPLATE_CLICKHOUSE=endpoints.clickhouse_writer,
            )  # fmt: skip
            yield part(
                f"agent-{n}", "agent", "--recording", str(recording), "--node", f"{AGENTS_RACK}/node-{n}",
                "--rack", AGENTS_RACK, ledger=True, COLDPLATE_AGENT__STATE_DIR=str(state.folder(f"agent-{n}")),
            )  # fmt: skip
        yield part(TWIN, "twin", "run", str(run / "rollout.toml"), ledger=True)

    return endpoints, Crew(state, (*servers, *ours()), clean_environment())


def _recorded() -> Iterator[Device]:
    """What the agents speak for."""
    yield Device("rack", AGENTS_RACK, "row-0", RACKS, row="row-0")
    for n in range(2):
        yield Device("node", f"{AGENTS_RACK}/node-{n}", AGENTS_RACK, n, row="row-0")
        yield Device("gpu", f"{AGENTS_RACK}/node-{n}/gpu-0", f"{AGENTS_RACK}/node-{n}", 0, row="row-0")  # fmt: skip


class _Run:
    """One run over the parts."""

    def __init__(
        self, crew: Crew, endpoints: Endpoints, run: Path, faults: int, progress: Progress
    ) -> None:
        self._crew, self._run, self._faults, self._progress = crew, run, faults, progress
        self._settings = ClickHouseSettings.from_url(endpoints.clickhouse_owner)
        self._kafka = KafkaSettings(endpoints.kafka)
        self._words = ("starting", 0.0)
        self._away_s: dict[str, float] = {}
        self._began_ms = 0

    def result(self, restarts: int) -> dict[str, Any]:
        """Run it through."""
        crew = self._crew
        crew.begin(CLICKHOUSE, KAFKA)
        self._until(lambda: crew.healthy(CLICKHOUSE, KAFKA), START_S_MAX, "servers")
        create_topics(self._kafka, Topics().specs(PARTITIONS))
        with Client(self._settings, connect_s=1.0) as client:
            migrate(client)
            crew.begin(*(name for name in IN_TURN if not name.startswith("agent")))
            self._until(self._all_read, START_S_MAX, "workers and sinks")
            crew.begin(TWIN, "agent-0", "agent-1")
            self._until(lambda: self._stored(client) > 0, START_S_MAX, "rows")
            began_s, self._began_ms = time.monotonic(), round(time.time() * 1000)
            for number in range(restarts):
                name = IN_TURN[number % len(IN_TURN)]
                self._words = (f"restart {number + 1} of {restarts}: {name}", number / restarts)
                self._restart(name)
                self._pass(CALM_S)
            self._words = ("waiting for the last incident", 1.0)
            with suppress(Failure):
                self._until(lambda: self._racks(client) >= self._faults, INCIDENT_S_MAX, "incident")
            for name in (TWIN, "agent-0", "agent-1"):
                self._stop(name)
            seconds = time.monotonic() - began_s
            self._drain(client)
            return {**self._compare(client), "restarts": restarts, "away_s": self._away_s, "seconds": round(seconds, 1)}  # fmt: skip

    def _restart(self, name: str) -> None:
        """Ended in good order, started, and caught up; notes for how long it was not."""
        keeper, began_s = self._crew.keepers[name], time.time()
        self._stop(name)
        # The one before wrote its last counts when it ended: those of the next one are awaited.
        self._counts(name).unlink(missing_ok=True)
        keeper.start(time.monotonic())
        self._until(lambda: self._caught_up(name), TURN_S_MAX, f"return of {name}")
        kind, away_s = name.partition("-")[0], round(time.time() - began_s, 1)
        self._away_s[kind] = max(away_s, self._away_s.get(kind, 0.0))

    def _stop(self, name: str) -> None:
        keeper = self._crew.keepers[name]
        keeper.stop(time.monotonic())
        self._until(lambda: keeper.status is Status.STOPPED, TURN_S_MAX, f"end of {name}")

    def _caught_up(self, name: str) -> bool:
        """By its counts: it does what it is for, and nothing waits for it."""
        found = read_stats(self._counts(name))
        return bool(found.get("frames", 0)) and not found.get("behind_records", 0)

    def _counts(self, name: str) -> Path:
        return self._run / f"{name}.json"

    def _all_read(self) -> bool:
        """Workers and sinks have their partitions."""
        return all(
            read_stats(self._counts(n)).get("partitions", 0)
            for n in IN_TURN if not n.startswith("agent")
        )  # fmt: skip

    def _stored(self, client: Client) -> int:
        return self._number(client, "SELECT count() FROM frames")

    def _racks(self, client: Client) -> int:
        """With an incident of the hall."""
        return self._number(client, "SELECT uniqExact(rack) FROM incidents WHERE startsWith(rack, 'rack-')")  # fmt: skip

    def _number(self, client: Client, sql: str) -> int:
        with suppress(HistoryError):
            return int(client.execute(sql)[0][0])
        return 0

    def _sent(self) -> set[tuple[str, int, int]]:
        return {
            (source, boot, seq)
            for path in sorted(self._run.glob("*.ledger"))
            for (source, boot), seqs in read_ledger(path).items()
            for seq in seqs
        }

    def _drain(self, client: Client) -> None:
        """Until everything is stored, or nothing more comes; what would be stored twice has its time too."""
        self._words = ("all is sent", 1.0)
        deadline_s, wanted = time.monotonic() + DRAIN_S_MAX, len(self._sent())
        while self._stored(client) < wanted and time.monotonic() < deadline_s:
            self._pass(COUNT_EVERY_S)
        self._pass(SETTLE_S)

    def _compare(self, client: Client) -> dict[str, Any]:
        """Frames of the ledgers against rows, incidents against what they are about, and the longest way to a row."""
        rows = client.execute("SELECT source, boot, seq, count() FROM frames GROUP BY source, boot, seq")  # fmt: skip
        stored = Counter({(str(s), int(b), int(q)): int(n) for s, b, q, n in rows})
        sent = self._sent()
        incidents = client.execute("SELECT subject, kind, uniqExact(id) FROM incidents GROUP BY subject, kind")  # fmt: skip
        lag_ms = self._number(client, f"SELECT max(date_diff('ms', appended_at, stored_at)) FROM frames WHERE toUnixTimestamp64Milli(appended_at) >= {self._began_ms}")  # fmt: skip
        return {
            "lost": len(sent - stored.keys()),
            "duplicated": sum(n - (key in sent) for key, n in stored.items()),
            "incidents_duplicated": sum(int(n) - 1 for *_, n in incidents),
            "max_lag_s": round(lag_ms / 1000, 2),
            "frames": len(sent),
            "incidents": len(incidents),
            "faults": self._faults,
            "faults_without_incident": max(0, self._faults - self._racks(client)),
        }

    def _pass(self, seconds: float) -> None:
        deadline_s = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= deadline_s, seconds + START_S_MAX, "time")

    def _until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Look after the parts until something is so."""
        self._crew.until(condition, within_s, what, lambda: self._progress.show(*self._words))
