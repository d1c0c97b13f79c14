"""How fast the history answers: a day of a fleet, six questions of people, cold and warm, beside VictoriaMetrics.

What is built is kept in the state folder where one is named, and built on where it was cut off. Cold: the server was
started anew and the system's cache of its files dropped. Warm: the same question again and again.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from coldplate.console.benching import victoria
from coldplate.console.benching.fleet_day import FAST, START_S, FleetDay
from coldplate.console.benching.machine import describe
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.questions import VM_METRICS, Asked, questions
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.part import Part
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.agreement import Between
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.rebuild import make
from coldplate.sinks.retention import DAYS_MAX
from coldplate.sinks.rollups import STORED_TIERS, stats_name
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.sinks.tables import SAMPLE_TABLES, raw_column

START_S_MAX, ANSWER_S = 60.0, 3600.0
COLD, WARM = 3, 15
NOW_S = 240
"""Seconds of samples that are added at the end, so that there is a now: it is a view of five minutes."""

ROLLED = tuple(t for t in SAMPLE_TABLES if t.name in ("gpu_samples", "cdu_samples"))


def measure(
    day: FleetDay, state: Path | None, *, build_only: bool, peer_gpus: int
) -> dict[str, Any]:  # fmt: skip
    """What its JSON shows.

    Parameters
    ----------
    day
        What is asked about.
    state
        Kept, and built on; None for a place that is forgotten.
    build_only
        Build and ask nothing.
    peer_gpus
        Of which VictoriaMetrics gets eight columns; 0 for none.

    Raises
    ------
    Failure, StackError
        A server did not start, or died.
    """
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        place = StateDir((state or Path(folder)) / "stack")
        (part,), endpoints = local_servers(place, Cache.default(), kafka=False)
        settings = ClickHouseSettings.from_url(endpoints.clickhouse_owner)
        with _running(place, part), Client(settings, answer_s=ANSWER_S) as client:
            out = _Building(client, day, progress).result()
        if not build_only:
            asking = _Asking(place, part, settings, day, progress)
            with _peer(place, day, peer_gpus, progress) as peer:
                out["questions"] = asking.result(peer)
            out["machine"] = describe()
        return {"gpus": day.racks * 64, "hours": day.hours, **out}


@contextmanager
def _running(place: StateDir, part: Part) -> Iterator[psutil.Process]:
    with Supervisor(place, (part,)) as stack:
        stack.wait_healthy(START_S_MAX)
        yield psutil.Process(stack.states[0].pid)


class _Building:
    """Rows, rack by rack, then rollups from them."""

    def __init__(self, client: Client, day: FleetDay, progress: Progress) -> None:
        self._client, self._day, self._progress = client, day, progress

    def result(self) -> dict[str, Any]:
        """Build what is missing."""
        began_s = time.monotonic()
        migrate(self._client)
        self._for_ever()
        store_inventory(self._client, self._day.inventory(), START_S * 1000)
        self._racks()
        rows_s = time.monotonic() - began_s
        self._rollups()
        self._jobs()
        sql = (
            "SELECT sum(rows), sum(bytes_on_disk), sumIf(bytes_on_disk, table = 'gpu_samples') "
            "FROM system.parts WHERE active AND database = currentDatabase()"
        )
        ((rows, size, samples_size),) = self._client.execute(sql)
        until = {"end": START_S + self._day.seconds}
        sql = "SELECT count() FROM gpu_samples WHERE t < toDateTime(%(end)s, 'UTC')"
        ((samples,),) = self._client.execute(sql, until)
        return {
            "rows": int(samples), "rows_in_all": int(rows), "disk_gb": round(size / 1e9, 3),
            "bytes_per_row": round(samples_size / max(samples, 1), 2), "build_rows_s": round(rows_s, 1),
            "build_s": round(time.monotonic() - began_s, 1),
        }  # fmt: skip

    def _for_ever(self) -> None:
        """Rows are of a fixed day, however long ago that is."""
        sql = "SELECT name, engine FROM system.tables WHERE database = currentDatabase()"
        for name, engine in self._client.execute(sql):
            if engine.endswith("MergeTree") and name.endswith(("_samples", "_stats")):
                ttl = f"toDate(t) + INTERVAL {DAYS_MAX} DAY"
                self._client.execute(
                    f"ALTER TABLE {name} MODIFY SETTING materialize_ttl_recalculate_only = 1"
                )
                self._client.execute(f"ALTER TABLE {name} MODIFY TTL {ttl}")

    def _racks(self) -> None:
        # A token holds for so many inserts, so what is there is looked up by what is last of a rack.
        sql = "SELECT rack FROM inventory FINAL WHERE kind = 'cdu' AND device IN (SELECT device FROM cdu_samples)"
        there = {str(rack) for (rack,) in self._client.execute(sql)}
        for rack in range(self._day.racks):
            name = f"rack-{rack:04}"
            if name in there:
                continue
            self._progress.show(f"rows: {name}", rack / self._day.racks)
            for number, (table, columns) in enumerate(self._day.rack(rack)):
                self._client.insert(table, columns, f"bench/{name}/{number}")

    def _rollups(self) -> None:
        """Of all racks, or all anew when there are more than last time."""
        begin = datetime.fromtimestamp(START_S, UTC)
        between = Between(begin, begin + timedelta(hours=self._day.hours))
        for table in ROLLED:
            for tier in STORED_TIERS:
                stats = stats_name(table, tier)
                sql = (
                    "SELECT (SELECT uniqExact(device) FROM {}), (SELECT uniqExact(device) FROM {})"
                )
                ((there, due),) = self._client.execute(sql.format(stats, table.name))
                if there != due:
                    self._progress.show(f"rollups: {stats}", 1.0)
                    self._client.execute(f"TRUNCATE TABLE {stats}")
                    make(self._client, table, tier, stats, between)

    def _jobs(self) -> None:
        self._client.execute("TRUNCATE TABLE job_spans")
        spans = [
            (f"rack-{r:04}/node-{n}/gpu-{g}", s)
            for r in range(self._day.racks)
            for s in self._day.jobs(r)
            for n in range(8)
            for g in range(8)
        ]
        begins, ends = ([(START_S + at) * 1000 for at in times] for times in (
            [s.begin_s for _, s in spans], [s.end_s for _, s in spans],
        ))  # fmt: skip
        self._client.insert("job_spans", {
            "gpu": [gpu for gpu, _ in spans], "job": [str(s.number) for _, s in spans], "since": begins, "until": ends,
            "number": [s.number for _, s in spans], "user": ["bench"] * len(spans), "shared": [False] * len(spans),
            "source": ["import"] * len(spans), "told": ends,
        }, None)  # fmt: skip


class _Asking:
    """The questions, cold and warm."""

    def __init__(
        self,
        place: StateDir,
        part: Part,
        settings: ClickHouseSettings,
        day: FleetDay,
        progress: Progress,
    ) -> None:
        self._place, self._part, self._settings = place, part, settings
        self._day, self._progress = day, progress

    def result(self, peer: "_Peer | str") -> dict[str, Any]:
        """By name of the question."""
        asked = questions(self._day, START_S, lambda text: quote(text, safe=""))
        colds: dict[str, list[float]] = {q.name: [] for q in asked}
        for turn in range(COLD):
            for q in asked:
                self._progress.show(f"cold: {q.name}", turn / COLD)
                with _running(self._place, self._part), self._client() as client:
                    client.execute("SELECT 1")
                    self._now(client)
                    drop_cache(self._place.path)
                    colds[q.name].append(_ms(partial(_ask, client, q)))
        with _running(self._place, self._part) as server, self._client() as client:
            self._now(client)
            return {q.name: self._warm(client, server, q, colds[q.name], peer) for q in asked}

    def _client(self) -> Client:
        return Client(self._settings, answer_s=ANSWER_S)

    def _warm(
        self,
        client: Client,
        server: psutil.Process,
        q: Asked,
        cold: list[float],
        peer: "_Peer | str",
    ) -> dict[str, Any]:
        self._progress.show(f"warm: {q.name}", 0.5)
        _ask(client, q)
        warm = [_ms(partial(_ask, client, q)) for _ in range(WARM)]
        out: dict[str, Any] = {
            "target_ms": q.target_ms, "met": statistics.median(warm) <= q.target_ms,
            "warm_ms": _spread(warm), "cold_ms": _spread(cold), "server_rss_mb": round(server.memory_info().rss / 1e6),
        }  # fmt: skip
        if not out["met"]:
            out["plan"] = _plan(client, q)
        why = {"warm_ms": None, "why": peer}
        out["victoriametrics"] = why if isinstance(peer, str) else peer.asked(q)
        return out

    def _now(self, client: Client) -> None:
        """The day's last minutes once more, as of now."""
        names = ", ".join(
            ["tick_ms", "boot", "seq", "present", *(raw_column(m) for m in FAST.metrics)]
        )
        last = START_S + self._day.seconds
        shift_s = int(time.time()) - last
        client.execute(
            "ALTER TABLE gpu_samples DELETE WHERE t > toDateTime(%(last)s, 'UTC') SETTINGS mutations_sync = 1",
            {"last": last + 86_400},
        )
        client.execute(
            f"INSERT INTO gpu_samples (device, t, {names}) SELECT device, t + INTERVAL {shift_s} SECOND, {names} "
            f"FROM gpu_samples WHERE t >= toDateTime({last - NOW_S}, 'UTC') AND t < toDateTime({last}, 'UTC')"
        )


class _Peer:
    """VictoriaMetrics with eight columns of some racks."""

    def __init__(self, client: victoria.Victoria, server: psutil.Process) -> None:
        self._client, self._server = client, server

    def asked(self, q: Asked) -> dict[str, Any]:
        """Its time for a question; None with the reason where it cannot say it."""
        if not q.path:
            return {"warm_ms": None, "why": q.why}
        self._client.ask("GET", q.path)
        # Its own cache of answers would answer the same question again.
        warm = [_ms(lambda: self._client.ask("GET", f"{q.path}&nocache=1")) for _ in range(WARM)]
        return {
            "warm_ms": _spread(warm),
            "server_rss_mb": round(self._server.memory_info().rss / 1e6),
        }


@contextmanager
def _peer(place: StateDir, day: FleetDay, gpus: int, progress: Progress) -> Iterator["_Peer | str"]:
    """It, filled; or the reason why it is not there."""
    binary = victoria.program()
    if not gpus or binary is None:
        yield f"not there; make it with: {victoria.build_command()}" if gpus else "not asked for"
        return
    # A state folder of its own: it runs beside the history, which comes and goes.
    own = StateDir(place.path.parent / "peer")
    part = victoria.victoria_part(own, binary)
    with _running(own, part) as server:
        client = victoria.Victoria(part.ports[victoria.NAME])
        racks = min(day.racks, -(-gpus // 64))
        filled = own.path / f"filled-{racks}-{day.hours}-{day.seed}"
        for rack in range(0 if not filled.exists() else racks, racks):
            progress.show(f"VictoriaMetrics: rack {rack}", rack / racks)
            for table, columns in day.rack(rack):
                if table == FAST.name:
                    lines = victoria.lines({table: columns}, VM_METRICS)
                    client.ask("POST", "/api/v1/import", b"\n".join(lines))
        client.merged_bytes()
        filled.touch()
        yield _Peer(client, server)


def drop_cache(folder: Path) -> None:
    """Have the system forget what it holds of the files in a folder."""
    for inside, _, names in os.walk(folder):
        for name in names:
            # A merge may end while we look.
            with suppress(FileNotFoundError), (Path(inside) / name).open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _ask(client: Client, q: Asked) -> int:
    if q.numbers:
        return len(next(iter(client.columns(q.sql).values())))
    return len(client.execute(q.sql))


def _plan(client: Client, q: Asked) -> dict[str, Any]:
    """Rows that it reads, by table, and what it does with them."""
    read = {str(t): int(rows) for _, t, _, rows, _ in client.execute(f"EXPLAIN ESTIMATE {q.sql}")}
    steps = [str(line).rstrip() for (line,) in client.execute(f"EXPLAIN {q.sql}")]
    return {"rows_read": read, "steps": steps}


def _ms(act: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    act()
    return (time.perf_counter() - began_s) * 1000


def _spread(times_ms: list[float]) -> dict[str, float]:
    ordered = sorted(times_ms)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
    }
