"""Minutes that the sink makes of samples, against the same counted one by one."""

import numpy as np
import pytest

from coldplate.sinks.minutes import MINUTE_MS, SAMPLES_MAX, minutes
from coldplate.sinks.rollups import HIGHEST, HOUR_MS, LOWEST, OF_MINUTE
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column

HOUR = 1_788_000_000_000 // HOUR_MS * HOUR_MS


def samples(table, rng, devices, t, there=0.7):
    """Random ones of these devices and times, some metrics absent; what is absent is 0."""
    n = len(t)
    columns = {"device": np.array(devices, np.uint64), "t": np.array(t, np.int64)}
    columns |= {
        "tick_ms": rng.choice(np.array([500, 1000], np.uint32), n),
        "present": np.zeros(n, np.uint64),
    }
    for metric in table.metrics:
        info = np.iinfo(kept_dtype(metric))
        values = rng.integers(max(info.min, -(1 << 40)), min(info.max, 1 << 40), n).astype(
            kept_dtype(metric)
        )
        present = rng.random(n) < there
        columns["present"] |= present.astype(np.uint64) << np.uint64(metric.number)
        columns[raw_column(metric)] = np.where(present, values, 0).astype(kept_dtype(metric))
    return columns


def one_by_one(table, columns):
    """By device, minute and metric what a row has."""
    out = {}
    for i, (device, t) in enumerate(
        zip(columns["device"].tolist(), columns["t"].tolist(), strict=True)
    ):
        for metric in table.metrics:
            found = out.setdefault(
                (device, t // MINUTE_MS * 60, metric.name), [0, HIGHEST, LOWEST, 0, 0, 0]
            )
            if int(columns["present"][i]) >> metric.number & 1:
                value, ms = int(columns[raw_column(metric)][i]), t % HOUR_MS + 1
                found[:4] = (
                    found[0] + 1,
                    min(found[1], value),
                    max(found[2], value),
                    found[3] + value,
                )
                if ms > found[5]:
                    found[4:] = value, ms
    return out


def as_made(table, made):
    return {
        (device, t, metric.name): [int(made[f"{metric.name}_{what}"][i]) for what in OF_MINUTE]
        for i, (device, t) in enumerate(
            zip(made["device"].tolist(), made["t"].tolist(), strict=True)
        )
        for metric in table.metrics
    }


@pytest.mark.parametrize("table", SAMPLE_TABLES, ids=lambda t: t.name)
@pytest.mark.parametrize("there", [0.0, 0.05, 0.7, 1.0])
def test_every_statistic_is_that_of_the_samples(table, there):
    """Of every metric, over a full hour and midnight, also where samples come out of order and metrics are absent."""
    rng = np.random.default_rng(7)
    for start in (HOUR, HOUR - 90_000):
        devices = np.repeat([3, 5, 9], 150)
        t = np.concatenate([start + 1000 * rng.permutation(200)[:150] for _ in range(3)])
        columns = samples(table, rng, devices, t, there)
        made = minutes(table, columns)
        assert one_by_one(table, columns) == as_made(table, made)
        assert 450 == made["samples"].sum()


def test_energy_is_power_times_the_length_of_its_tick():
    """Of the device's own power alone; tables without one have none."""
    rng = np.random.default_rng(1)
    gpu, slow = SAMPLE_TABLES[:2]
    columns = samples(gpu, rng, [1] * 100, HOUR + 1000 * np.arange(100))
    due = (columns["power_w_steps"].astype(np.int64) * columns["tick_ms"]).tolist()
    assert [sum(due[:60]), sum(due[60:])] == minutes(gpu, columns)["used"].tolist()
    none = minutes(slow, samples(slow, rng, [1] * 9, HOUR + 1000 * np.arange(9)))
    assert [0] == none["used"].tolist()


def test_a_minute_of_many_short_ticks_has_several_rows():
    """A row's counts are bytes: none is more than they hold, and together they are the minute."""
    rng = np.random.default_rng(2)
    gpu = SAMPLE_TABLES[0]
    columns = samples(
        gpu,
        rng,
        [1] * 600 + [2] * 3,
        [*(HOUR + 100 * np.arange(600)), HOUR, HOUR + 1, HOUR + 2],
        1.0,
    )
    made = minutes(gpu, columns)
    assert [SAMPLES_MAX, SAMPLES_MAX, 600 - 2 * SAMPLES_MAX, 3] == made["samples"].tolist()
    assert made["samples"].tolist() == made["power_w_n"].tolist()
    assert {(1, HOUR // 1000), (2, HOUR // 1000)} == set(
        zip(made["device"].tolist(), made["t"].tolist(), strict=True)
    )
    assert int(columns["power_w_steps"].astype(np.int64).sum()) == made["power_w_sum"].sum()
