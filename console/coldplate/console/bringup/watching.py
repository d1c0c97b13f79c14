"""The board as it goes: looks at the racks again and again, and forecasts in a thread of its own, for that takes a second."""

import threading
import time
from collections.abc import Sequence

from coldplate.console.bringup.board import Board, begin_of, board, sized
from coldplate.console.bringup.forecast import Forecast, forecast
from coldplate.console.bringup.history import Ask, Racks
from coldplate.console.bringup.measured import measured
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.simulate import Start
from coldplate.console.bringup.states import Standing

FORECAST_S = 300.0
"""A forecast moves by hours a day: one in five minutes will do."""

RUNS_LIVE, RUNS_WHAT_IF = 100, 40
SEED = 1
CLOSE_S = 10.0


class Watch:
    """One board.

    Parameters
    ----------
    ask
        The history.
    plan
        The site's.
    forecast_s
        From forecast to forecast.
    """

    def __init__(self, ask: Ask, plan: Plan, forecast_s: float = FORECAST_S) -> None:
        self._racks, self._plan, self._every_s = Racks(ask), plan, forecast_s
        self._forecast: Forecast | None = None
        self._due_s = 0.0
        self._thread: threading.Thread | None = None

    def look(self, *, wait: bool = False) -> Board:
        """As it is now, with the newest forecast there is.

        Parameters
        ----------
        wait
            For a forecast, where there is none yet.
        """
        racks = self._racks.look()
        now_ms = time.time_ns() // 1_000_000
        self._renew(racks, now_ms)
        if wait and self._forecast is None and self._thread is not None:
            self._thread.join()
        return board(self._plan, racks, now_ms, self._forecast)

    def close(self) -> None:
        """Wait for a forecast that is being made."""
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _renew(self, racks: Sequence[Standing], now_ms: int) -> None:
        begin_ms = begin_of(self._plan, racks)
        other = self._forecast is not None and self._forecast.each_day.shape[1] != len(racks)
        due = time.monotonic() >= self._due_s or other
        running = self._thread is not None and self._thread.is_alive()
        if not due or running or not racks or begin_ms is None:
            return
        self._due_s = time.monotonic() + self._every_s
        frozen = (Start.of_racks(racks, begin_ms, now_ms), measured(racks, self._plan))
        gpus = sum(s.gpus for s in racks) / len(racks) or self._plan.gpus_per_rack
        plan = sized(self._plan, racks)

        def make() -> None:
            if self._forecast is None or other:
                self._forecast = forecast(plan, *frozen, runs=RUNS_LIVE, seed=SEED, what_ifs=False, gpus_per_rack=gpus)  # fmt: skip
            self._forecast = forecast(plan, *frozen, runs=RUNS_LIVE, runs_what_if=RUNS_WHAT_IF, seed=SEED, gpus_per_rack=gpus)  # fmt: skip

        self._thread = threading.Thread(target=make, name="forecast", daemon=True)
        self._thread.start()
