"""Takes a rack through the procedure: phases in order, steps as soon as theirs are over, kept so that it can go on."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from coldplate.console.commission.certificate import Made, body
from coldplate.console.commission.evidence import Evidence, Fleet, Rack, Source, Span
from coldplate.console.commission.hands import Hands
from coldplate.console.commission.keeping import Done, Keeping, Progress
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.phases import PHASES, Phase
from coldplate.console.commission.procedure import Outcome, Result, Step, run_step
from coldplate.console.commission.verdict import verdict
from coldplate.console.failure import Failure
from coldplate.console.output import rfc3339

GATES = ("pressure",)
"""Without these nothing is powered: the rest is not measured then."""


class Clock(Protocol):
    """Time, so that a test need not wait."""

    def now_ms(self) -> int:
        """Unix milliseconds."""

    def wait_until(self, at_ms: int) -> None:
        """Come back then."""


@dataclass(frozen=True)
class WallClock:
    """This machine's, until it is stopped.

    Parameters
    ----------
    stop
        Set when nobody waits any more.
    """

    stop: threading.Event = field(default_factory=threading.Event)

    def now_ms(self) -> int:
        """See `Clock`."""
        return time.time_ns() // 1_000_000

    def wait_until(self, at_ms: int) -> None:
        """See `Clock`.

        Raises
        ------
        Failure
            It was stopped.
        """
        while (left_s := (at_ms - self.now_ms()) / 1000) > 0:
            if self.stop.wait(min(left_s, 60.0)):
                raise Failure("stopped; the same command goes on from here")


@dataclass
class Procedure:
    """One rack's.

    Parameters
    ----------
    rack, planned, found
        Who, and serials by id as planned and as found (evidence.py).
    source
        Samples.
    hands
        Whoever does things.
    keeping
        Its file.
    limits, sku
        What it must keep to.
    by
        Who makes it.
    fleet
        Racks before.
    phases
        In order.
    clock
        Time.
    tell
        Told of each step as it is judged.
    note
        Told the name of each phase as it begins.
    """

    rack: Rack
    planned: Mapping[str, str]
    found: Mapping[str, str] | None
    source: Source
    hands: Hands
    keeping: Keeping
    limits: Limits
    by: str
    sku: str = ""
    fleet: Fleet = field(default_factory=Fleet)
    phases: Sequence[Phase] = PHASES
    clock: Clock = field(default_factory=WallClock)
    tell: Callable[[Outcome], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None

    def run(self, steps: Sequence[Step] = STEPS, *, given: Mapping[str, Done] | None = None) -> dict[str, Any]:  # fmt: skip
        """The body of its certificate.

        Parameters
        ----------
        steps
            Which are to be made: all, or some that are repeated.
        given
            Phases that are over already, instead of making any.

        Raises
        ------
        Failure
            The history or the hook fails; what was done until then is kept.
        """
        progress = self._begin(steps, given)
        needed = {p for step in steps for p in step.phases}
        spans: dict[str, Span] = {}
        outcomes: dict[str, Outcome] = {}
        for phase in self.phases:
            if phase.name not in progress.phases:
                if given is not None or phase.name not in needed:
                    continue
                if stopped := [o for o in outcomes.values() if o.step in GATES and o.result is not Result.PASS]:  # fmt: skip
                    progress.hands.append(self._stopped(stopped[0]))
                    break
                self._make(phase, progress)
            done = progress.phases[phase.name]
            spans[phase.name] = self.source.span(
                self.rack, phase.name, done.begin_ms, done.end_ms, done.marks
            )
            self._judge(spans, outcomes)
        evidence = self._evidence(spans)
        for step in STEPS:
            if step.name not in outcomes:
                outcomes[step.name] = run_step(step, evidence, self.limits)
                self.tell(outcomes[step.name])
        ordered = [outcomes[s.name] for s in STEPS]
        made = Made(self.by, progress.began_ms, self.clock.now_ms(), self.sku, progress.hands)
        return body(made, evidence, self.limits, ordered, verdict(self.rack, ordered))

    def end(self) -> None:
        """Its certificate is written: the next procedure of the rack begins anew."""
        if (progress := self.keeping.read()) is not None:
            progress.ended = True
            self.keeping.write(progress)

    def _begin(self, steps: Sequence[Step], given: Mapping[str, Done] | None) -> Progress:
        """What was kept, without the phases of steps that are to be repeated; or a new beginning."""
        kept = self.keeping.read()
        some = len(steps) < len(STEPS)
        if given is not None:
            began = min((d.begin_ms for d in given.values()), default=self.clock.now_ms())
            kept = Progress(self.rack.id, self.by, began, dict(given))
        elif kept is None or (kept.ended and not some):
            kept = Progress(self.rack.id, self.by, self.clock.now_ms())
        elif some and kept.ended:
            again = {p for step in steps for p in step.phases}
            kept.phases = {n: d for n, d in kept.phases.items() if n not in again}
        kept.ended = False
        self.keeping.write(kept)
        return kept

    def _make(self, phase: Phase, progress: Progress) -> None:
        """Have a phase happen; it is kept when it is over, and made anew when it was broken off."""
        if phase.ready:
            self.hands.ask(self.rack.id, phase.ready)
        self.hands.load(self.rack.id, phase.load)
        self.note(phase.name)
        begin_ms = self.clock.now_ms()
        marks = {}
        for deed in phase.deeds:
            self.clock.wait_until(begin_ms + round(1000 * deed.at_share * phase.seconds))
            self.hands.act(self.rack.id, deed.action, deed.ask)
            marks[deed.mark] = (self.clock.now_ms() - begin_ms) / 1000
        # Hands may have taken longer than the phase was meant to.
        least_ms = round(1000 * (max(marks.values(), default=0.0) + 0.2 * phase.seconds))
        end_ms = begin_ms + max(round(1000 * phase.seconds), least_ms)
        self.clock.wait_until(end_ms)
        if gone := self.hands.ended(self.rack.id):
            raise Failure(f"{phase.name}: {gone}; the same command makes the phase again")
        progress.phases[phase.name] = Done(begin_ms, end_ms, marks)
        progress.hands += self.hands.told()
        self.keeping.write(progress)
        self.clock.wait_until(end_ms + round(1000 * self.limits.late_s))

    def _judge(self, spans: Mapping[str, Span], outcomes: dict[str, Outcome]) -> None:
        """Steps whose phases are all there now."""
        evidence = self._evidence(spans)
        for step in STEPS:
            if step.name not in outcomes and all(p in spans for p in step.phases):
                outcomes[step.name] = run_step(step, evidence, self.limits)
                self.tell(outcomes[step.name])

    def _evidence(self, spans: Mapping[str, Span]) -> Evidence:
        return Evidence(self.rack, spans, self.planned, self.found, self.fleet)

    def _stopped(self, outcome: Outcome) -> dict[str, str]:
        what = f"stopped: {outcome.step} did not pass"
        return {"who": "coldplate", "at": rfc3339(self.clock.now_ms()) or "", "what": what}
