"""Whether every frame is in the history exactly once, however often sink, ClickHouse and broker are killed with -9.

A real Kafka, ClickHouse and sink, started for this and ended after it. While frames flow, one part after the other is
killed at a random moment and started anew at once. At the end the ledger of what was sent is compared with every row
that is there, and every bucket of every rollup with the samples.
"""

import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.crew import LOOK_S, Crew, clean_environment
from coldplate.console.benching.made_up import MadeUp
from coldplate.console.benching.progress import Progress
from coldplate.console.chain import command
from coldplate.console.failure import Failure
from coldplate.console.running import Ledger
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.servers import Endpoints, local_servers
from coldplate.console.stack.state import StateDir
from coldplate.sinks.agreement import Between, disagreeing
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.migrate import migrate
from coldplate.sinks.rollups import STORED_TIERS, rollup_name
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.sinks.tables import SAMPLE_TABLES
from coldplate.wire.topic import Topics

CLUSTER, PARTITIONS = "coldplate", 4
ROLLUP_S = 4.0
"""Rollups of some batches at once: the harder way of the two."""

SINK, CLICKHOUSE, KAFKA = "sink", "clickhouse", "kafka"
VICTIMS = (SINK, CLICKHOUSE, KAFKA)
CALM_S_MAX = 3.0
"""From the first row after a kill to the next kill, at most: several inserts."""

HASTE = 0.2
"""Share of kills that do not wait until the one before is mended."""

START_S_MAX, MEND_S_MAX, DRAIN_S_MAX, CLOSE_S_MAX = 60.0, 90.0, 120.0, 60.0
COUNT_EVERY_S = 0.25
TABLES = ("frames", "gpu_samples", "gpu_slow_samples", "cdu_samples")
_MENDED = "was noted but not stored"

Rows = Counter[tuple[int, int]]
"""Rows by boot and sequence number; every source has a boot of its own."""


def measure(kills: int, out: Path | None = None, seed: int | None = None) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    kills
        How many.
    out
        Where ledger, what was read back, and logs are kept.
    seed
        Of what is drawn; None draws it too. Moments are never quite the same.

    Raises
    ------
    Failure, StackError
        A part did not come back.
    """
    seed = time.time_ns() % 1_000_000 if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        state = StateDir(Path(folder) / "stack")
        endpoints, parts = _parts(state)
        with parts as crew:
            run = _Run(crew, endpoints, seed, Path(folder), progress)
            try:
                return {**run.result(kills), "seed": seed}
            finally:
                if out is not None:
                    out.mkdir(parents=True, exist_ok=True)
                    shutil.copytree(state.logs, out / "logs", dirs_exist_ok=True)
                    for name in ("ledger", "read-back.tsv"):
                        if (found := Path(folder) / name).exists():
                            shutil.copy(found, out / name)


def _parts(state: StateDir) -> tuple[Endpoints, Crew]:
    servers, endpoints = local_servers(state, Cache.default())
    sink = Part(
        SINK, command("sink"),
        env={
            "COLDPLATE_KAFKA": endpoints.kafka,
            "COLDPLATE_CLICKHOUSE": endpoints.clickhouse_writer,
            "COLDPLATE_CONFIG": os.devnull, "COLDPLATE_SINK__INSTANCE": "sink-0", "COLDPLATE_SINK__ROLLUP_S": str(ROLLUP_S),
            "COLDPLATE_SINK__FLUSH_S": "0.2", "PYTHONUNBUFFERED": "1",
        },
    )  # fmt: skip
    return endpoints, Crew(state, (*servers, sink), clean_environment())


class _Run:
    """One run over the parts."""

    def __init__(
        self, crew: Crew, endpoints: Endpoints, seed: int, folder: Path, progress: Progress
    ) -> None:
        self._crew, self._progress, self._folder = crew, progress, folder
        self._endpoints = endpoints
        self._chance, self._seed = random.Random(seed), seed  # noqa: S311  nothing secret
        self._sent: dict[tuple[str, int, int], dict[str, int]] = {}
        self._sending: Callable[[], None] = lambda: None
        self._words = ("starting", 0.0)
        self._settings = ClickHouseSettings.from_url(endpoints.clickhouse_owner)
        self._topics = Topics()

    def result(self, kills: int) -> dict[str, Any]:
        """Run it through."""
        self._crew.begin(CLICKHOUSE, KAFKA)
        self._until(lambda: self._crew.healthy(CLICKHOUSE, KAFKA), START_S_MAX, "servers")
        create_topics(KafkaSettings(self._endpoints.kafka), self._topics.specs(PARTITIONS))
        with Client(self._settings, connect_s=1.0) as client:
            migrate(client)
            self._crew.begin(SINK)
            began_s = time.monotonic()
            with self._flow():
                killed = self._kill(client, kills)
            self._drain(client)
            seconds = time.monotonic() - began_s
            self._words = ("comparing", 1.0)
            found = self._read_back(client)
            # From what is of hours ago to whatever is sampled now.
            hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
            all_of_it = Between(hour - timedelta(days=1), hour + timedelta(hours=1))
            wrong = sum(
                disagreeing(client, table, tier, all_of_it)
                for table in SAMPLE_TABLES
                for tier in STORED_TIERS
            )
        return {
            **self._compare(found), "rollup_mismatch": wrong, "kills": sum(killed.values()),
            "killed": dict(killed), "mended_tokens": self._mended(), "seconds": round(seconds, 1),
        }  # fmt: skip

    @contextmanager
    def _flow(self) -> Iterator[None]:
        """Frames flow while the block runs; after it every one of them was acknowledged."""
        made_up = MadeUp(CLUSTER, self._seed, time.time())
        publisher = KafkaPublisher(KafkaSettings(self._endpoints.kafka))
        ledger = Ledger(str(self._folder / "ledger"))

        def send() -> None:
            for made, key, record in made_up.due(time.time()):
                if made is not None:
                    self._sent[made.framed.identity] = made.rows
                    ledger.frame(made.framed)
                if record:
                    publisher.publish(self._topics.frames, key, record)

        self._sending = send
        try:
            yield
            for key, record in made_up.rest():
                publisher.publish(self._topics.frames, key, record)
            self._sending = lambda: None
            flushed = time.monotonic() + CLOSE_S_MAX
            while publisher.flush(LOOK_S):
                self._crew.poll()
                if time.monotonic() > flushed:
                    raise Failure(f"Kafka took not all frames in {CLOSE_S_MAX:g} s")
        finally:
            ledger.close()
            publisher.close(0.0)

    def _kill(self, client: Client, kills: int) -> Counter[str]:
        """Kill so often, each kind of part as often as the others, in random order."""
        killed: Counter[str] = Counter()
        victims: list[str] = []
        self._await_rows(client, START_S_MAX)
        for number in range(kills):
            if not victims:
                victims = list(VICTIMS)
                self._chance.shuffle(victims)
            victim = victims.pop()
            self._words = (f"kill {number + 1} of {kills}: {victim}", number / kills)
            self._pass(self._chance.uniform(0.0, CALM_S_MAX))
            self._crew.keepers[victim].kill()
            killed[victim] += 1
            if self._chance.random() >= HASTE:
                self._await_rows(client, MEND_S_MAX)
        self._await_rows(client, MEND_S_MAX)
        return killed

    def _await_rows(self, client: Client, within_s: float) -> None:
        """Until the history has more frames than when it answers first."""
        before: int | None = None
        next_s = 0.0

        def more() -> bool:
            nonlocal before, next_s
            if time.monotonic() < next_s:
                return False
            next_s = time.monotonic() + COUNT_EVERY_S
            with suppress(HistoryError):
                now = self._stored(client)
                before = now if before is None else before
                return now > before
            return False

        self._until(more, within_s, "rows")

    def _drain(self, client: Client) -> None:
        """Until everything is stored, or nothing more comes."""
        self._words = ("all is sent", 1.0)
        deadline_s, last = time.monotonic() + DRAIN_S_MAX, -1
        while (last < len(self._sent)) and time.monotonic() < deadline_s:
            self._pass(COUNT_EVERY_S)
            with suppress(HistoryError):
                last = self._stored(client)
        # Rollups follow by `ROLLUP_S`, and later where a sink redoes; how many ticks they have tells when, the comparison whether.
        while not self._fed(client) and time.monotonic() < deadline_s:
            self._pass(COUNT_EVERY_S)
        # What would be stored twice would come now.
        self._pass(CALM_S_MAX)

    def _stored(self, client: Client) -> int:
        return int(client.execute("SELECT count() FROM frames")[0][0])

    def _fed(self, client: Client) -> bool:
        """Whether the rollups have at least as many ticks as the samples."""
        with suppress(HistoryError):
            return all(
                int(client.execute(f"SELECT sum(samples) FROM {rollup_name(table, STORED_TIERS[0])}")[0][0] or 0)
                >= int(client.execute(f"SELECT count() FROM {table.name}")[0][0])
                for table in SAMPLE_TABLES
            )  # fmt: skip
        return False

    def _read_back(self, client: Client) -> dict[str, Rows]:
        out: dict[str, Rows] = {}
        with (self._folder / "read-back.tsv").open("w", encoding="utf-8") as file:
            for table in TABLES:
                sql = (
                    f"SELECT boot, seq, count() FROM {table} GROUP BY boot, seq ORDER BY boot, seq"
                )
                out[table] = Counter({(int(b), int(s)): int(n) for b, s, n in client.execute(sql)})
                file.writelines(f"{table}\t{b}\t{s}\t{n}\n" for (b, s), n in out[table].items())
        return out

    def _compare(self, found: dict[str, Rows]) -> dict[str, int]:
        """Frames that lack a row or are not there; frames with a row too many or that nobody sent; rows in all."""
        lost, doubled = set(), set()
        known = {(boot, seq): rows for (_, boot, seq), rows in self._sent.items()}
        for table, rows in found.items():
            for key in known.keys() | rows.keys():
                wanted = 1 if table == "frames" else known.get(key, {}).get(table, 0)
                wanted = wanted if key in known else 0
                if rows[key] < wanted:
                    lost.add(key)
                if rows[key] > wanted:
                    doubled.add(key)
        samples = sum(sum(rows.values()) for table, rows in found.items() if table != "frames")
        return {
            "lost": len(lost), "duplicated": len(doubled), "frames": len(known), "rows": samples,
        }  # fmt: skip

    def _mended(self) -> int:
        """Inserts whose token was there and whose rows were not, after a kill of ClickHouse."""
        return self._crew.keepers[CLICKHOUSE].log.read_text(errors="replace").count(_MENDED)

    def _pass(self, seconds: float) -> None:
        deadline_s = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= deadline_s, seconds + START_S_MAX, "time")

    def _until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Look after the parts and send until something is so."""

        def show() -> None:
            self._sending()
            self._progress.show(*self._words)

        self._crew.until(condition, within_s, what, show)
