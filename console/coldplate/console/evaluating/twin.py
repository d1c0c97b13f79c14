"""A scenario of the twin, evaluated while it runs: nothing is written, and labels are known at the end."""

from collections.abc import Iterable

from msgspec.structs import replace

from coldplate.console.evaluating.hall import LiveHall, Tell, label_of
from coldplate.streams.evaluate.report import Run
from coldplate.streams.parameters import Parameters
from coldplate.twin.collector import TwinCollector
from coldplate.twin.labels import Labeller
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.baseline import Baselines
from coldplate.wire.incident import Severity

START_MS = 1_800_000_000_000
"""When the run begins; any whole tick."""


def evaluate_twin(
    scenario: Scenario,
    seconds: float,
    tell: Tell = lambda _: None,
    *,
    rules: bool = False,
    parameters: Parameters | None = None,
    baselines: Iterable[Baselines] = (),
) -> tuple[Run, LiveHall]:
    """Run a scenario through detection for so many seconds of its time.

    Parameters
    ----------
    scenario
        Hall, jobs and faults.
    seconds
        A tick a second.
    tell
        Told after each tick which share is done.
    rules
        Whether the alert rules of today are to look too.
    parameters
        Of the detectors; default: their own.
    baselines
        What detectors begin with; default: nothing.
    """
    collector = TwinCollector(Hall(scenario))
    live = LiveHall(
        collector, collector.hall.inventory, rules=rules, parameters=parameters, baselines=baselines
    )  # fmt: skip
    labeller = Labeller(scenario.all_faults(), collector.hall.places)
    # The same hall on the same day with nothing wrong: what differs is the faults' effect.
    well = TwinCollector(Hall(without_faults(scenario))) if scenario.all_faults() else None
    ticks, first = max(1, round(seconds)), START_MS // 1000
    for tick in range(ticks):
        live.tick(first + tick)
        if well is not None:
            labeller.look(tick, live.samples, well.sample((first + tick) * 1000))
        tell((tick + 1) / ticks)
    return live.run([label_of(label) for label in labeller.labels(START_MS)]), live


def without_faults(scenario: Scenario) -> Scenario:
    """The same hall on the same day."""
    return replace(scenario, faults=(), scatter=0)


def groundless_tickets(run: Run, live: LiveHall) -> int:
    """Tickets that fit no fault and no look-alike of a run; figures count pages alone, for a ticket wakes nobody."""
    causes = [f.label.cause for f in run.matching.found] + [a.cause for a in run.look_alikes]
    places = live.places
    return sum(
        said.severity is Severity.TICKET and not any(places.fits(said.subject, c) for c in causes)
        for said in live.live.said
    )
