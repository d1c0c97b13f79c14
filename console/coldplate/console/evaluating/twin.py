"""A scenario of the twin, evaluated while it runs: nothing is written, and labels are known at the end."""

from contextlib import nullcontext

from coldplate.console.evaluating.beside import beside
from coldplate.console.evaluating.hall import LiveHall, Tell, label_of
from coldplate.streams.evaluate.report import Run
from coldplate.twin.collector import TwinCollector
from coldplate.twin.labels import Labeller
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario

START_MS = 1_800_000_000_000
"""When the run begins; any whole tick."""


def evaluate_twin(
    scenario: Scenario, seconds: float, tell: Tell = lambda _: None, *, rules: bool = False
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
    """
    collector = TwinCollector(Hall(scenario))
    hall, faults = collector.hall, scenario.all_faults()
    labeller = Labeller(faults, hall.places)
    live = LiveHall(collector, hall.inventory, rules=rules)
    ticks, first = max(1, round(seconds)), START_MS // 1000
    with beside(scenario, START_MS, ticks, 1000) if faults else nullcontext() as well:
        for tick in range(ticks):
            live.tick(first + tick)
            if well is not None:
                labeller.look(tick, live.samples, well.sample((first + tick) * 1000))
            tell((tick + 1) / ticks)
    return live.run([label_of(label) for label in labeller.labels(START_MS)]), live
