"""What the demo shows, and what must come of it."""

from dataclasses import dataclass
from pathlib import Path

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.twin.scenario import Scenario, load
from coldplate.wire.inventory import Device, Inventory

SCENARIO = "demo"
RECORDED_RACK = "rack-0004"
RECORDED_NODE = f"{RECORDED_RACK}/node-0"
DETECTED_BY_S = 15.0
"""A run that ends sooner after the fault may have no incident."""


@dataclass(frozen=True, slots=True)
class Story:
    """One telling.

    Parameters
    ----------
    scenario
        What the twin does.
    recording
        Folder of the real GPU that is replayed beside it.
    duration_s
        Seconds of samples; None until somebody stops it.
    """

    scenario: Scenario
    recording: Path
    duration_s: float | None

    @property
    def fault_at_s(self) -> float:
        """When the pump stops, in seconds of the twin."""
        return next(f.at_s for f in self.scenario.faults if f.kind == "pump-stop")

    @property
    def guilty(self) -> str:
        """Whose pump it is."""
        return next(f.subject for f in self.scenario.faults if f.kind == "pump-stop")

    def inventory(self) -> Inventory:
        """The twin's hall, and the recorded node in a rack of its own."""
        row = "row-0"
        return Inventory(
            [
                *self.scenario.inventory(),
                Device("rack", RECORDED_RACK, row, self.scenario.racks, row=row),
                Device("node", RECORDED_NODE, RECORDED_RACK, 0, row=row),
                Device("gpu", f"{RECORDED_NODE}/gpu-0", RECORDED_NODE, 0, row=row),
            ]
        )

    def pages_allowed(self, ran_s: float) -> list[list[tuple[str, str]]]:
        """What may have paged after so many seconds: lists of (kind, subject), the expected one first."""
        none: list[tuple[str, str]] = []
        page = [("pump-stop", self.guilty)]
        if ran_s <= self.fault_at_s:
            return [none]
        return [page] if ran_s >= self.fault_at_s + DETECTED_BY_S else [page, none]


def story(duration_s: float | None, recording: str | None) -> Story:
    """The story, with the recording of the source tree unless another is named.

    Raises
    ------
    Failure
        No recording is there.
    """
    tree = Path(__file__).parents[4] / "tests" / "recordings" / "h200"
    folder = Path(recording) if recording else tree
    if not (folder / "trace-10hz.csv").is_file():
        raise Failure(
            f"{folder} holds no recording (trace-10hz.csv): run the demo from a checkout of coldplate,"
            " or name a recording with --recording DIR",
            BAD_INPUT,
        )
    return Story(load(SCENARIO), folder, duration_s)
