"""Where peers stand: one Kafka and one ClickHouse for all of them, and processes that are looked after.

ClickHouse is the local stack's, with two things more, which its Kafka engine needs: the right to read from Kafka, and a
thread for each consumer (the stack's two would make five tables wait for each other; 16 is ClickHouse's own default).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.topics import create_topics
from coldplate.console.benching.crew import clean_environment
from coldplate.console.benching.machine import Usage
from coldplate.console.benching.progress import Progress
from coldplate.console.config import load as load_config
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.keeper import Keeper
from coldplate.console.stack.logfile import tail
from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.servers import local_servers
from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.topic import TopicSpec

START_S_MAX, STOP_S_MAX, LOOK_S = 90.0, 30.0, 0.02
RESTS_MAX, REST_S, REST_CORES = 10, 2.0, 0.1
PARTITIONS = 4
HOUR_MS = 3_600_000
WAITING_BYTES_MAX = 1 << 30
"""What may wait for Kafka in this process: nothing is dropped by us."""

_GRANTED = "<query>GRANT SELECT ON system.*</query>\n"
_MORE_GRANTED = f"{_GRANTED}<query>GRANT KAFKA ON *.*</query>\n"
_POOL = "background_message_broker_schedule_pool_size"
_POOL_THREADS = 16


class Ground:
    """Servers, a folder, and what runs besides; a context manager.

    Parameters
    ----------
    folder
        Of everything; it must be empty.
    progress
        Told what is done.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.progress = progress
        self.cache = Cache.default()
        self.context = Context(os.devnull, str(folder))
        self.context.config = load_config(os.devnull, {})
        parts, self.endpoints = local_servers(self.context.state, self.cache)
        self.context.brokers = self.endpoints.kafka
        _let_clickhouse_read_kafka(self.context.state.path / "clickhouse")
        self.env = clean_environment() | {
            "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "COLDPLATE_CONFIG": os.devnull,
            "COLDPLATE_KAFKA": self.endpoints.kafka, "COLDPLATE_STATE": str(self.context.state.path),
        }  # fmt: skip
        self._servers = [self._keeper(part) for part in parts]
        self._running: list[Keeper] = []
        self._publisher: KafkaPublisher | None = None

    def __enter__(self) -> Self:
        try:
            for keeper in self._servers:
                self._start(keeper)
            self._until_well(self._servers)
            with self.client() as client:
                migrate(client)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._publisher is not None:
            self._publisher.close(1.0)
        for keeper in reversed(self._running):
            self._stop(keeper)
        self.context.state.release()

    def client(self) -> Client:
        """A connection to ClickHouse, as the owner of the database."""
        return Client(ClickHouseSettings.from_url(self.endpoints.clickhouse_owner), answer_s=120.0)

    @property
    def publisher(self) -> KafkaPublisher:
        """What the agent sends with."""
        if self._publisher is None:
            self._publisher = KafkaPublisher(self.context.kafka, queue_bytes_max=WAITING_BYTES_MAX)
        return self._publisher

    @property
    def servers(self) -> dict[str, int]:
        """Process ids of Kafka and ClickHouse."""
        return {k.part.name: pid for k in self._servers if (pid := k.state().pid)}

    def topics(self, *names: str) -> None:
        """Make topics with as many partitions as the local stack has."""
        specs = [TopicSpec(n, PARTITIONS, HOUR_MS, "rack", "what a peer reads") for n in names]
        create_topics(self.context.kafka, specs)

    @contextmanager
    def running(self, part: Part) -> Iterator[int]:
        """A program until it is no longer needed; its process id, once it is well.

        Raises
        ------
        Failure
            It died, or is not well in time.
        """
        keeper = self._keeper(part)
        try:
            self._start(keeper)
            self._until_well([keeper])
            pid = keeper.state().pid
            if pid is None:
                raise Failure(f"{part.name} has ended: {tail(keeper.log)}")
            yield pid
        finally:
            self._stop(keeper)

    def poll(self) -> None:
        """Look after all once.

        Raises
        ------
        Failure
            One of them died.
        """
        for keeper in self._running:
            keeper.poll(time.monotonic())
            if keeper.restarts:
                raise Failure(f"{keeper.part.name} died ({keeper.last_exit}): {tail(keeper.log)}")

    def quiet(self) -> None:
        """Wait until ClickHouse rests from its start and from whoever was before; not for ever."""
        clickhouse = {"clickhouse": self.servers["clickhouse"]}
        for _ in range(RESTS_MAX):
            before = Usage.now(clickhouse)
            self._let_pass(REST_S)
            if Usage.now(clickhouse).since(before).cpu_s["clickhouse"] < REST_CORES * REST_S:
                return

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        """Look after all until something is so.

        Raises
        ------
        Failure
            It is not in time.
        """
        deadline_s = time.monotonic() + within_s
        while not condition():
            self.poll()
            if time.monotonic() > deadline_s:
                logs = "\n".join(f"{k.part.name}: {tail(k.log)}" for k in self._running)
                raise Failure(f"no {what} within {within_s:g} s\n{logs}")
            time.sleep(LOOK_S)

    def _let_pass(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.poll()
            time.sleep(LOOK_S)

    def _keeper(self, part: Part) -> Keeper:
        return Keeper(part, self.context.state.logs / f"{part.name}.log", self.env)

    def _start(self, keeper: Keeper) -> None:
        self._running.append(keeper)
        keeper.start(time.monotonic())

    def _until_well(self, keepers: Sequence[Keeper]) -> None:
        def well() -> bool:
            return all(k.status is Status.HEALTHY for k in keepers)

        self.until(well, START_S_MAX, f"start of {' and '.join(k.part.name for k in keepers)}")

    def _stop(self, keeper: Keeper) -> None:
        deadline_s = time.monotonic() + STOP_S_MAX
        while keeper.status is not Status.STOPPED and time.monotonic() < deadline_s:
            keeper.stop(time.monotonic())
            keeper.poll(time.monotonic())
            time.sleep(LOOK_S)
        if keeper in self._running:
            self._running.remove(keeper)


def rss_max_mb(seen: Mapping[str, int], pids: Mapping[str, int]) -> dict[str, int]:
    """Resident megabytes by name, the higher of before and now."""
    now = dict(seen)
    for name, pid in pids.items():
        with suppress(psutil.NoSuchProcess):
            now[name] = max(seen.get(name, 0), round(psutil.Process(pid).memory_info().rss / 1e6))
    return now


def _let_clickhouse_read_kafka(folder: Path) -> None:
    """Its configuration is written anew at each start, so that nothing of this stays."""
    users, config = folder / "users.xml", folder / "config.xml"
    text = users.read_text("utf-8")
    if _GRANTED not in text:
        raise Failure(f"{users}: no place for the right to read from Kafka")
    users.write_text(text.replace(_GRANTED, _MORE_GRANTED), "utf-8")
    text = config.read_text("utf-8")
    begin = text.index(f"<{_POOL}>")
    end = text.index(f"</{_POOL}>")
    config.write_text(f"{text[:begin]}<{_POOL}>{_POOL_THREADS}{text[end:]}", "utf-8")
