"""One run of the benchmark of the pipeline over its stack: start, warm-up, measured seconds, the rest, and what came of it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from coldplate.agents.follow import Follower, Lag, NotAnswering
from coldplate.console.benching import machine, outcome
from coldplate.console.benching.held import Held
from coldplate.console.benching.load import Load
from coldplate.console.benching.looks import Due, Looks
from coldplate.console.benching.machine import Usage
from coldplate.console.benching.production import go_file
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.told import Told, judged, labels_of, places_of
from coldplate.console.chain import PARTITIONS, Chain
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.logfile import tail
from coldplate.console.stack.part import Status

START_S_MAX = 180.0
PREPARE_S_MAX = 1800.0
"""The frames of a large hall, and of its faulty racks for a long time, take minutes to make."""

STILL_S_MAX = 60.0
"""What is left is waited for as long as any of it is done within this time: late is not lost."""

AWAY_S_MAX = 60.0
SETTLE_S = 2.0
"""Incidents of the last frames have this time to come."""

LOOK_S = 0.05
READ_S = 0.5
"""How often Kafka is asked for incidents, and in a burst for what is done."""

WELL_S = 2.0
"""A lag over what it was before the storm or the burst by less than this is gone."""

CAUGHT_UP_S = 5.0
"""A lag below this is none after a burst, however small it was before."""


class Interrupted(Exception):  # noqa: N818  a wish, no error
    """A stop was asked for, and everything has stopped."""


class Run:
    """One run over a stack.

    Parameters
    ----------
    context
        Of the stack.
    stack, parts
        What runs.
    load
        What is sent.
    readers
        Names of the processes, of workers and of sinks.
    progress
        Is told where it stands.
    """

    def __init__(
        self, context: Context, stack: Held, parts: Chain, load: Load,
        readers: Mapping[str, tuple[str, ...]], progress: Progress,
    ) -> None:  # fmt: skip
        self._context, self._stack, self._parts = context, stack, parts
        self._load, self._readers, self._progress = load, readers, progress
        self._workers = readers["worker"]
        self._looks = {"worker": Looks(), "sink": Looks()}
        self._due: Due | None = None
        topics = context.topics
        self._told = Told(topics.incidents, topics.events)
        self._follower: Follower | None = None
        self._lag: Lag | None = None
        self._next_read_s = 0.0

    def result(self, out: Path | None) -> dict[str, Any]:
        """Run it through; what came of it, and beside it files in `out`."""
        with ExitStack() as opened:
            began_s = self._begin(opened)
            begin_s = began_s + self._load.warm_up_s
            self._until(lambda: time.time() >= begin_s)
            if self._load.mode == "burst":
                begin_s = self._away(begin_s)
            pids = self._pids()
            before, end_s = Usage.now(pids), begin_s + self._load.seconds
            self._until(lambda: time.time() >= end_s)
            used, rss_mb = Usage.now(pids).since(before), machine.rss_mb(pids)
            self._drain()
            self._told_all()
        if out is not None:
            (out / "incidents.jsonl").write_bytes(b"\n".join(self._told.lines()))
        return self._figures(begin_s, end_s, used, rss_mb, out)

    def _figures(
        self, begin_s: float, end_s: float, used: Usage, rss_mb: Mapping[str, int], out: Path | None
    ) -> dict[str, Any]:
        load, looks = self._load, self._looks.values()
        lags = [s for reader in looks for s in reader.lag_s(begin_s, end_s)]
        cores = sum(used.cpu_s.values()) / load.seconds
        found = outcome.measured(self._context, begin_s, end_s)
        ledger, read_back = self._parts.ledger_file("producer"), out and out / "stored.ledger"
        labels = labels_of(self._sent())
        faults = judged(labels, self._told, places_of(load.inventory()), begin_s)
        return {
            "gpus": load.gpus, "nodes": load.nodes, "racks": load.racks,
            "seconds": load.seconds, "ticks_per_frame": load.ticks, "metrics": load.metrics,
            "mode": load.mode, "seed": load.seed, "workers": len(self._workers), "sinks": len(self._readers["sink"]),
            "flush_s": self._context.config.sink.flush_s, "rollup_s": self._context.config.sink.rollup_s,
            **found, **outcome.compare(self._context, ledger, read_back),
            "realtime_ratio": round(min(reader.ratio(begin_s) for reader in looks), 2),
            "lag_max_s": round(max(lags, default=math.nan), 2),
            "lag_end_s": round(max(reader.lag_at_s(end_s) for reader in looks), 2),
            "cpu_s": used.cpu_s, "cores_used": round(cores, 3),
            "cpu_s_per_million_values": self._per_million(used, found["values_per_s"]),
            "rss_mb": rss_mb, "rss_total_mb": sum(rss_mb.values()),
            **faults, **self._of_mode(begin_s, end_s, faults),
            "open_incidents": self._open_incidents(),
            "production": self._production(),
            "versions": {**machine.versions(), **outcome.servers(self._context)},
            "machine": {**machine.describe(), "cores_used_by_others": self._others(used, cores)},
        }  # fmt: skip

    def _others(self, used: Usage, cores: float) -> float:
        return round(max(0.0, used.machine_s / self._load.seconds - cores), 2)

    def _per_million(self, used: Usage, values_per_s: float) -> dict[str, float | None]:
        """Processor seconds of each stage for a million values; of all workers together."""
        stages: dict[str, float] = {}
        for name, cpu_s in used.cpu_s.items():
            stage = next((s for s, of in self._readers.items() if name in of), name)
            stages[stage] = stages.get(stage, 0.0) + cpu_s
        millions = values_per_s * self._load.seconds / 1e6
        return {n: round(s / millions, 4) if millions else None for n, s in stages.items()}

    def _of_mode(self, begin_s: float, end_s: float, faults: Mapping[str, Any]) -> dict[str, Any]:
        """Keys of a storm or a burst alone."""
        if self._load.mode == "faults":
            return {}
        looks, load = self._looks, self._load
        turn_s = float(self._sent()["first_tick"]) + load.warm_up_s
        lags = [s for r in looks.values() for s in r.lag_s(turn_s - load.warm_up_s / 2, turn_s)]
        usual_s = max(lags, default=0.0)
        if load.mode == "storm":
            (lost,) = faults["faults"]
            after_s = lost["found_after_s"]
            if after_s is not None:
                after_s = round(after_s + (lost["visible_after_s"] or 0.0), 3)
            gone = [r.gone_s(turn_s, end_s, usual_s + WELL_S) for r in looks.values()]
            return {
                "storm_incident_s": after_s, "lag_before_s": round(usual_s, 2),
                "lag_gone_s": _longest(gone, 2),
            }  # fmt: skip
        limit_s = max(CAUGHT_UP_S, usual_s + WELL_S)
        caught = {n: r.caught_up(begin_s, end_s, limit_s) for n, r in looks.items()}
        return {
            "burst_s": load.pause_s, "lag_before_s": round(usual_s, 2),
            "catch_up_s": _longest([s for s, _ in caught.values()], 1),
            "catch_up_ratio": round(min(ratio for _, ratio in caught.values()), 2),
            "catch_up_ratio_by": {n: round(ratio, 2) for n, (_, ratio) in caught.items()},
        }  # fmt: skip

    def _begin(self, opened: ExitStack) -> float:
        """Everything is up, prepared and looked at; when the first frame is due."""
        self._wait(lambda: bool(self._sent()), PREPARE_S_MAX, "prepared")
        self._wait(self._all_read, START_S_MAX, "read")
        follow = (self._context.topics.incidents, self._context.topics.events)
        config = self._context.config
        try:
            self._follower = opened.enter_context(closing(Follower(self._context.kafka, follow)))
            if self._load.mode == "burst":
                topic, groups = self._context.topics.frames, (config.worker.group,)
                self._lag = opened.enter_context(closing(Lag(self._context.kafka, topic, groups)))
        except NotAnswering as error:
            raise Failure(str(error)) from None
        go_file(self._parts.ledger_file("producer")).touch()
        self._wait(lambda: self._sent().get("first_tick", 0) > 0, START_S_MAX, "sent")
        sent = self._sent()
        self._due = Due.told(sent)
        for reader in self._looks.values():
            reader.due, reader.seen = self._due, []
        return float(sent["first_tick"])

    def _wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        if not self._until(condition, limit_s):
            waits = [f"{s.name} awaits {s.awaits}" for s in self._stack.states if not s.status.up]
            raise Failure(f"nothing was {what} within {limit_s:g} s: {'; '.join(waits)}")

    def _all_read(self) -> bool:
        """Every partition has its worker, and its sink."""
        workers = [self._counts(name).get("partitions", 0) for name in self._workers]
        there = all(self._counts(n).get("partitions", 0) > 0 for n in self._readers["sink"])
        return bool(there and min(workers) > 0 and sum(workers) >= PARTITIONS)

    def _away(self, begin_s: float) -> float:
        """Worker and sink end, stay away while production goes on, and come back; when they were started again."""
        names = (*self._workers, *self._readers["sink"])
        self._stack.hold(*names)
        if not self._until(lambda: self._stack.away(*names), AWAY_S_MAX):
            raise Failure(f"{' and '.join(names)} did not end within {AWAY_S_MAX:g} s")
        self._until(lambda: time.time() >= begin_s + self._load.pause_s)
        self._stack.let_go(*names)
        return time.time()

    def _pids(self) -> dict[str, int]:
        """Of everything that runs; what only prepared the servers has ended."""
        return {s.name: s.pid for s in self._stack.states if s.pid}

    def _until(self, condition: Callable[[], bool], limit_s: float = math.inf) -> bool:
        """Supervise and look until a condition holds; whether it did within the limit.

        Raises
        ------
        Interrupted, Failure
            A stop was asked for; a part died.
        """
        deadline_s = time.monotonic() + limit_s
        while not (held := condition()) and time.monotonic() < deadline_s:
            self._stack.poll()
            if self._stack.stopping:
                raise Interrupted
            for state in self._stack.states:
                if state.restarts:
                    raise Failure(f"{state.name} died ({state.last_exit}): {tail(Path(state.log))}")
            self._look()
            self._progress.show(*self._words())
            time.sleep(LOOK_S)
        return held

    def _look(self) -> None:
        """Note what is done, and read what was told."""
        due = time.monotonic() >= self._next_read_s
        if due:
            self._next_read_s = time.monotonic() + READ_S
        if self._follower is not None and due:
            self._told.read(self._follower)
        if self._lag is None:
            for name, of in self._readers.items():
                counts = [self._counts(part) for part in of]
                at_s = min(c.get("at", 0.0) for c in counts)
                self._looks[name].take(at_s, sum(c.get("frames", 0) for c in counts))
        elif due:
            self._look_from_outside(self._lag)

    def _look_from_outside(self, lag: Lag) -> None:
        """A process that is started anew counts anew, and what it reads again to know how things were; these do not.

        Of sinks the history tells: their offsets wait for rollups too.
        """
        ways: dict[str, Callable[[], int]] = {
            "worker": lambda: lag.committed()[self._context.config.worker.group],
            "sink": lambda: outcome.stored(self._context),
        }
        for name, count in ways.items():
            # Who is too busy to answer is asked again; who died is told by the supervisor.
            with suppress(NotAnswering, Failure):
                done = count()
                self._looks[name].take(time.time(), done)

    def _sent(self) -> dict[str, Any]:
        return self._counts("producer")

    def _counts(self, part: str) -> dict[str, Any]:
        return read_stats(self._parts.stats_file(part))

    def _drain(self) -> None:
        before = -1
        while not self._drained() and (done := sum(r.done for r in self._looks.values())) > before:
            before = done
            self._until(self._drained, STILL_S_MAX)

    def _drained(self) -> bool:
        in_all = self._due.in_all if self._due else 0
        return all(reader.done >= in_all for reader in self._looks.values())

    def _told_all(self) -> None:
        """What the last frames tell is on its way."""
        end_s = time.monotonic() + SETTLE_S
        self._until(lambda: time.monotonic() >= end_s)
        while self._follower is not None and self._told.read(self._follower, READ_S):
            pass

    def _words(self) -> tuple[str, float]:
        """For the progress: words, and the share of the whole."""
        if self._due is None:
            up = [s.name for s in self._stack.states if s.status.up]
            started = any(
                s.name == "producer" and s.status is not Status.WAITING for s in self._stack.states
            )
            return f"{'preparing frames' if started else 'starting'}; up: {', '.join(up) or 'nothing yet'}", 0.0  # fmt: skip
        now_s, first_s = time.time(), float(self._due.at_s[0])
        lags = ", ".join(f"{n} {r.lag_at_s(now_s):.1f} s behind" for n, r in self._looks.items())
        passed_s, in_all_s = now_s - first_s, float(self._due.at_s[-1]) - first_s
        if passed_s > in_all_s:
            return f"all is sent; {lags}", 1.0
        rate = f"{self._load.frames_per_s:,.0f} frames/s"
        return f"{passed_s:.0f} of {in_all_s:.0f} s, {rate}; {lags}", passed_s / in_all_s

    def _open_incidents(self) -> int:
        """As the workers have it."""
        return sum(int(self._counts(name).get("open_incidents", 0)) for name in self._workers)

    def _production(self) -> dict[str, Any]:
        """How the frames came about."""
        sent, load = self._sent(), self._load
        played = {
            "faults": "racks with a fault are played by the twin from the first tick to the last, prepared ahead, short frames and events as agents send them",
            "storm": "a few racks are played by the twin, prepared ahead; every rack sends what one of them does, under its own names",
            "burst": "no fault: worker and sink are away",
        }[load.mode]  # fmt: skip
        return {
            "frames": "the twin's, prepared ahead and sent again each cycle: new ticks and sequence numbers, same bodies",
            "played": played, "played_mb": round(sent["played_bytes"] / 1e6, 1),
            "process": "one producer for all nodes, a record batch holds frames of many: not the agents' publisher, which sends record by record",
            "faults_wanted": sent["wanted"],
            "faults_limited_by": _limit(load, len(sent["faults"]), sent["wanted"]),
            "cycle_s": sent["cycle_s"], "prepared_mb": round(sent["cycle_bytes"] / 1e6, 1),
            "prepared_cpu_s": sent["prepared_cpu_s"],
            "late_max_s": round(sent["late_max_s"], 3),
        }  # fmt: skip


def _longest(times_s: Sequence[float | None], digits: int) -> float | None:
    """None when one of them never came."""
    known = [s for s in times_s if s is not None]
    return round(max(known), digits) if len(known) == len(times_s) else None


def _limit(load: Load, faults: int, wanted: int) -> str:
    """Why there are no more faults; empty when there are all."""
    if faults >= wanted:
        return ""
    if faults == load.racks // 2 or load.racks == 1:
        return f"{load.racks} racks: at most half of them have a fault"
    return f"{load.seconds:g} s: two of a kind are kept apart, and each needs time to be found"
