"""The recorded day for the live hall: a real ClickHouse, the reader's settings, and a hall over it."""

from contextlib import closing, contextmanager

import numpy as np
from console.day_asked import asked_day

from coldplate.console.context import Context
from coldplate.console.web.answers import HistoryAnswers
from coldplate.console.web.hall import HistoryHall
from coldplate.sinks.settings import ClickHouseSettings


@contextmanager
def day_with_hall(endpoints):
    """The day, and a hall."""
    with (
        asked_day(endpoints) as day,
        closing(HistoryHall(ClickHouseSettings.from_url(day.url))) as hall,
    ):
        yield day, hall


@contextmanager
def answers_of(url, monkeypatch):
    """Answers over a history."""
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url)
    with closing(HistoryAnswers(Context())) as found:
        yield found


def by_gpu(hall, picture, channel):
    """Values that are there, by GPU."""
    values = picture.values[channel]
    gpus = hall.floor().gpus
    return {g: float(v) for g, v in zip(gpus, values, strict=True) if not np.isnan(v)}
