"""Procedures of several racks at the same time, each with a connection, a file and a certificate of its own."""

import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from coldplate.console.commission.asked import LIMITS, Asked
from coldplate.console.commission.books import ANSWER_S, CONNECT_S, Books
from coldplate.console.commission.certificate import sealed
from coldplate.console.commission.changes import ended_ms, of_certificate, of_phase
from coldplate.console.commission.earlier import CERTIFICATE, earlier, path_of, put_aside
from coldplate.console.commission.evidence import Fleet
from coldplate.console.commission.hands import END_WITHIN_S, Technician
from coldplate.console.commission.keeping import Done, Keeping
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.page import write_page
from coldplate.console.commission.phases import phases_of
from coldplate.console.commission.procedure import Outcome, Step
from coldplate.console.commission.questions import Questions
from coldplate.console.commission.running import Procedure, WallClock
from coldplate.console.commission.signing import Signer
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import plain
from coldplate.console.querying import Asking
from coldplate.console.stack.atomic import write_atomically
from coldplate.sinks.client import Client

RACKS_MAX = 256
"""At once: each is a thread that mostly waits."""

ASKING_MAX = 24
"""Of them, how many ask history at the same time: a server has room for so many connections only."""


@dataclass(frozen=True)
class Order:
    """What is asked for; see the command's options."""

    racks: Sequence[str]
    who: str
    keep: Path
    limits: Limits = field(default_factory=Limits)
    sku: str = ""
    steps: Sequence[Step] = STEPS
    hook: Sequence[str] = ()
    yes: bool = False
    found: dict[str, str] | None = None
    given: dict[str, Done] | None = None
    report: Path | None = None
    out: Path | None = None
    key: Path | None = None
    questions: bool = False


@dataclass(frozen=True)
class Accepted:
    """What came of a rack: the body of its certificate, the files that were written, and whether history has it."""

    told: dict[str, Any]
    certificate: Path
    report: Path | None
    stored: bool

    def figures(self) -> dict[str, Any]:
        """For a program."""
        return {
            "rack": self.told["rack"], "verdict": self.told["verdict"], "held": self.told["held"],
            "steps": {s["name"]: s["result"] for s in self.told["steps"]}, "findings": self.told["findings"],
            "certificate": str(self.certificate), "report": None if self.report is None else str(self.report),
            "stored": self.stored,
        }  # fmt: skip


@dataclass(frozen=True)
class _Shared:
    """What all racks' procedures have in common."""

    context: Context
    order: Order
    signer: Signer
    fleet: Fleet
    books: Books
    tell: Callable[[str, Outcome], None]
    stop: threading.Event = field(default_factory=threading.Event)
    gate: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(ASKING_MAX))  # fmt: skip


def commission(context: Context, order: Order, tell: Callable[[str, Outcome], None]) -> list[Accepted | Failure]:  # fmt: skip
    """Every rack's result, in the order asked for; one that fails does not stop the others.

    Raises
    ------
    Failure
        Nothing can begin: no rack, too many, no key.
    """
    if len(set(order.racks)) < len(order.racks):
        raise Failure("a rack is named twice", BAD_INPUT)
    if len(order.racks) > RACKS_MAX:
        raise Failure(f"{len(order.racks)} racks at once; at most {RACKS_MAX}", BAD_INPUT)
    order.keep.mkdir(parents=True, exist_ok=True)
    signer = Signer(order.key or order.keep / "key.pem", make=order.key is None)
    books = Books(
        order.keep, lambda: Client(context.clickhouse("writer"), connect_s=CONNECT_S, answer_s=ANSWER_S),
        lambda words: click.echo(f"coldplate: {words}", err=True),
    )  # fmt: skip
    shared = _Shared(context, order, signer, fleet_of(order.keep), books, tell)
    results: dict[str, Accepted | Failure] = {}

    def one(rack: str) -> None:
        try:
            results[rack] = _one(shared, rack)
        except Failure as failure:
            results[rack] = failure

    with closing(books), _terminated_as_interrupted():
        if len(order.racks) == 1:
            # In this thread, so that Ctrl-C ends a question too.
            one(order.racks[0])
        else:
            _all(order.racks, one, shared.stop)
    return [results[rack] for rack in order.racks]


def _all(racks: Sequence[str], one: Callable[[str], None], stop: threading.Event) -> None:
    """A thread a rack; when one interrupts us they end where they wait, loads first."""
    # One that is asking a person cannot be woken, and must not hold the process up.
    threads = [threading.Thread(target=one, args=(rack,), name=rack, daemon=True) for rack in racks]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        stop.set()
        for thread in threads:
            thread.join(END_WITHIN_S / len(threads))
        raise


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does, so that loads are ended; handlers are put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def fleet_of(keep: Path) -> Fleet:
    """Medians of the racks whose certificates lie in a folder; what is none is passed over."""
    found = []
    for path in sorted(keep.glob(f"*{CERTIFICATE}")):
        try:
            told = json.loads(path.read_bytes())["certificate"]
            if told["verdict"] != "held":
                found.append(float(told["baseline"]["median_k_per_w"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return Fleet(tuple(found))


def _one(shared: _Shared, rack: str) -> Accepted:
    order, context = shared.order, shared.context
    asking = Asking(context, limits=LIMITS)
    elsewhere = Questions(order.keep, shared.stop).ask if order.questions else None
    hands = Technician(order.who, order.hook, order.yes, elsewhere=elsewhere)
    keeping = None
    try:
        source = Asked(asking, context.config.agent.tick_ms, shared.gate)
        known, planned = source.rack(rack)
        keeping = Keeping(order.keep, rack)
        clock = WallClock(shared.stop)

        def note(phase: str) -> None:
            shared.books.write([of_phase(rack, phase, len(known.gpus), order.who, clock.now_ms())])

        procedure = Procedure(
            known, planned, order.found, source, hands, keeping, order.limits, order.who, order.sku, shared.fleet,
            phases=phases_of(order.limits.seconds), clock=clock, tell=lambda outcome: shared.tell(rack, outcome), note=note,
        )  # fmt: skip
        told = plain(procedure.run(order.steps, given=order.given))
        path = order.out or path_of(order.keep, rack)
        before = source.once(lambda: earlier(asking, rack, path, ended_ms(told)))
        text = sealed(told, shared.signer)
        try:
            put_aside(path)
            write_atomically(path, text, mode=0o644)
        except OSError as error:
            raise Failure(f"--out {path}: {error.strerror or error}", BAD_INPUT) from None
        stored = shared.books.write([of_certificate(told, text)])
        if order.report is not None:
            write_page(told | {"key": shared.signer.public}, order.report, before)
        procedure.end()
        return Accepted(told, path, order.report, stored)
    finally:
        hands.end()
        if keeping is not None:
            keeping.close()
        asking.close()
