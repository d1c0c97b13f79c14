"""Everything that the local stack downloads, at once and with progress."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from coldplate.console.stack import chdb, kafka_jars
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.clickhouse_server import clickhouse_binary

#: Name, bytes so far, bytes in all; called from several threads, one call at a time.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Download:
    """One thing to fetch."""

    name: str
    entry: str
    size_bytes: int
    fetch: Callable[[Cache, Callable[[int], None]], object]


def downloads() -> tuple[Download, ...]:
    """All that this machine needs: an installed ClickHouse is used as it is."""
    kafka_bytes = sum(jar.size_bytes for jar in kafka_jars.jars())
    kafka_name, clickhouse_name = (
        f"Apache Kafka {kafka_jars.version()}",
        f"ClickHouse {chdb.version()}",
    )
    kafka = Download(kafka_name, kafka_jars.entry(), kafka_bytes, kafka_jars.fetch_kafka)
    if clickhouse_binary() is not None:
        return (kafka,)
    clickhouse = Download(clickhouse_name, chdb.entry(), chdb.SIZE_BYTES, chdb.fetch_clickhouse)
    return (kafka, clickhouse)


def needed(cache: Cache) -> dict[str, int]:
    """Name and bytes of each thing that is still to be fetched; looks at no network."""
    return {d.name: d.size_bytes for d in downloads() if cache.installed(d.entry) is None}


def fetch_all(cache: Cache, progress: Progress | None = None) -> None:
    """Fetch what is missing, all at the same time; returns at once when nothing is.

    Raises
    ------
    FetchError
        The first that failed; what else was under way is finished and kept.
    """
    missing = [d for d in downloads() if cache.installed(d.entry) is None]
    if not missing:
        return
    lock = threading.Lock()
    with ThreadPoolExecutor(len(missing)) as pool:
        tasks = [pool.submit(d.fetch, cache, _advance(d, progress, lock)) for d in missing]
    for task in tasks:
        task.result()


def _advance(
    download: Download, progress: Progress | None, lock: threading.Lock
) -> Callable[[int], None]:
    """Adds up the pieces of one download and tells the sum."""
    came_bytes = 0

    def advance(piece_bytes: int) -> None:
        nonlocal came_bytes
        with lock:
            came_bytes += piece_bytes
            if progress is not None:
                progress(download.name, came_bytes, download.size_bytes)

    return advance
