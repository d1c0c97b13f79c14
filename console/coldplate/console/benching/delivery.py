"""Whether every incident's opening and closing arrive, in order, however often the alerter is killed with -9.

A real Kafka and alerter, and a receiver that kills the alerter when a message has come: before it answers, or just
after. So the moment between sending and writing down that it was sent is hit each time. At the end the ledger of what
was opened and closed is compared with what came.
"""

import random
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.alert_parts import ALERTER, KAFKA, alert_parts
from coldplate.console.benching.crew import Crew
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.receiver import Arrival, Receiver
from coldplate.console.stack.state import StateDir
from coldplate.wire.codec import encode
from coldplate.wire.incident import Evidence, Incident, Severity, State, incident_id
from coldplate.wire.topic import Topics

CLUSTER = "coldplate"
KIND = "flow-loss"
EVERY_S, LIFE_S_MAX = 0.5, 4.0
ARRIVALS_MAX = 3
"""A kill comes with one of the next so many messages."""

START_S_MAX, KILL_S_MAX, DRAIN_S_MAX, SETTLE_S = 60.0, 60.0, 60.0, 5.0


def measure(kills: int, out: Path | None = None, seed: int | None = None) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    kills
        How many.
    out
        Where the ledger and what came are kept.
    seed
        Of what is drawn; None draws it too. Moments are never quite the same.

    Raises
    ------
    Failure, StackError
        A part did not come back.
    """
    seed = time.time_ns() % 1_000_000 if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        run = _Run(random.Random(seed), progress)  # noqa: S311  nothing secret
        with Receiver(run.before, run.after) as receiver:
            endpoints, crew = alert_parts(StateDir(Path(folder) / "stack"), receiver.url)
            with crew:
                seconds = run.through(
                    crew, KafkaSettings(endpoints.kafka), kills, receiver.arrivals
                )
        if out is not None:
            _keep(out, run.ledger, receiver.arrivals)
        result = compare(run.ledger, receiver.arrivals)
        return {**result, "kills": sum(run.killed.values()), "killed": dict(run.killed), "seconds": round(seconds, 1), "seed": seed}  # fmt: skip


def compare(ledger: list[Incident], arrivals: list[Arrival]) -> dict[str, int]:
    """Openings and closings that did not come, messages out of order, and what came again.

    Parameters
    ----------
    ledger
        Every record that was published.
    arrivals
        In the order in which they came.
    """
    wanted = {(i.id, "opened" if i.state is State.OPEN else "closed") for i in ledger}
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    newest: dict[str, int] = {}
    seen: set[str] = set()
    out_of_order = again = 0
    for arrival in arrivals:
        again += arrival.message in seen
        seen.add(arrival.message)
        for incident, phase in arrival.told:
            ids[incident, phase].add(arrival.message)
            before = newest.get(incident, -1)
            out_of_order += arrival.number < before
            newest[incident] = max(before, arrival.number)
    return {
        "incidents": len({i.id for i in ledger}), "messages": len(arrivals),
        "lost": len(wanted - ids.keys()), "out_of_order": out_of_order,
        "duplicates_same_id": again,
        "duplicates_new_id": sum(len(found) - 1 for found in ids.values()),
    }  # fmt: skip


class _Run:
    """Opens and closes incidents, and kills."""

    def __init__(self, chance: random.Random, progress: Progress) -> None:
        self.ledger: list[Incident] = []
        self.killed: Counter[str] = Counter()
        self._chance, self._progress = chance, progress
        self._crew: Crew | None = None
        self._lock, self._countdown, self._when = threading.Lock(), -1, ""
        self._words = ("starting", 0.0)

    def before(self, _: Arrival) -> None:
        """A message has come and is not answered."""
        with self._lock:
            self._countdown -= self._countdown > 0
            self._kill("before the answer")

    def after(self, _: Arrival) -> None:
        """It is answered."""
        with self._lock:
            self._kill("after the answer")

    def _kill(self, when: str) -> None:
        if self._countdown == 0 and self._when == when and self._crew is not None:
            self._crew.keepers[ALERTER].kill()
            self._countdown = -1
            self.killed[when] += 1

    def through(
        self, crew: Crew, settings: KafkaSettings, kills: int, arrivals: list[Arrival]
    ) -> float:
        """Seconds it took."""
        self._crew, topic = crew, Topics().incidents
        crew.begin(KAFKA)
        self._until(lambda: crew.healthy(KAFKA), START_S_MAX, "Kafka")
        create_topics(settings, Topics().specs(1))
        crew.begin(ALERTER)
        self._until(lambda: crew.healthy(ALERTER), START_S_MAX, "alerter")
        publisher = KafkaPublisher(settings)
        began_s = time.monotonic()
        open_now: list[tuple[float, Incident]] = []
        next_s = began_s

        def flow() -> None:
            nonlocal next_s
            now_s = time.monotonic()
            due = [i for at_s, i in open_now if at_s <= now_s]
            open_now[:] = [(at_s, i) for at_s, i in open_now if at_s > now_s]
            records = [_closed(i) for i in due]
            if now_s >= next_s:
                next_s = now_s + EVERY_S
                opened = _opened(len(self.ledger))
                records.append(opened)
                open_now.append((now_s + self._chance.uniform(0.0, LIFE_S_MAX), opened))
            for record in records:
                self.ledger.append(record)
                publisher.publish(topic, record.id.encode(), encode(record))

        try:
            for number in range(kills):
                self._words = (f"kill {number + 1} of {kills}", number / kills)
                with self._lock:
                    self._countdown = self._chance.randint(1, ARRIVALS_MAX)
                    self._when = self._chance.choice(("before the answer", "after the answer"))
                self._until(partial(self._has_killed, number), KILL_S_MAX, "message", flow)
            for _, incident in open_now:
                self.ledger.append(_closed(incident))
                publisher.publish(topic, incident.id.encode(), encode(self.ledger[-1]))
        finally:
            publisher.close(5.0)
        self._drain(arrivals)
        return time.monotonic() - began_s

    def _has_killed(self, before: int) -> bool:
        return self.killed.total() > before

    def _drain(self, arrivals: list[Arrival]) -> None:
        """Until everything has come, and what would come again has had its time."""
        self._words = ("all is published", 1.0)
        deadline_s = time.monotonic() + DRAIN_S_MAX
        self._until(
            lambda: not compare(self.ledger, arrivals)["lost"] or time.monotonic() > deadline_s,
            2 * DRAIN_S_MAX, "end",
        )  # fmt: skip
        settled_s = time.monotonic() + SETTLE_S
        self._until(lambda: time.monotonic() > settled_s, DRAIN_S_MAX, "end")

    def _until(
        self, condition: Callable[[], bool], within_s: float, what: str,
        flow: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        crew = self._crew
        assert crew is not None

        def show() -> None:
            flow()
            self._progress.show(*self._words)

        crew.until(condition, within_s, what, show)


def _opened(number: int) -> Incident:
    now_ms = time.time_ns() // 1_000_000
    subject = f"rack-{number:04d}/cdu"
    evidence = Evidence("flow-loss", subject, "flow_lpm", now_ms, 61.0, 106.0, 118.0)
    return Incident(
        cluster=CLUSTER, id=incident_id(subject, KIND, now_ms), step=0, state=State.OPEN, kind=KIND,
        subject=subject, rack=f"rack-{number:04d}", severity=Severity.CRITICAL, opened_ms=now_ms,
        updated_ms=now_ms, first_tick_ms=now_ms, cause="Too little flow.", evidence=(evidence,),
        why="opened by flow-loss",
    )  # fmt: skip


def _closed(incident: Incident) -> Incident:
    now_ms = time.time_ns() // 1_000_000
    return msgspec.structs.replace(
        incident, step=1, state=State.CLOSED, closed_ms=now_ms, updated_ms=now_ms, why="closed",
    )  # fmt: skip


def _keep(out: Path, ledger: list[Incident], arrivals: list[Arrival]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with (out / "ledger.tsv").open("w", encoding="utf-8") as file:
        file.writelines(f"{i.id}\t{i.state}\t{i.updated_ms}\n" for i in ledger)
    with (out / "arrivals.tsv").open("w", encoding="utf-8") as file:
        for a in arrivals:
            told = " ".join(f"{i}:{phase}" for i, phase in a.told)
            file.write(f"{a.at_s:.3f}\t{a.message}\t{a.number}\t{told}\n")
