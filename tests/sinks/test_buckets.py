"""Minutes and hours that the sink makes of samples, against the same counted one by one."""

import numpy as np
import pytest

from coldplate.sinks.buckets import hours, minutes
from coldplate.sinks.rollups import (
    HOUR,
    HOUR_MS,
    MINUTE,
    STATISTICS,
    VALUE_BITS,
    ZERO,
    limits,
)
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column

BEGIN_MS = 1_788_000_000_000 // HOUR_MS * HOUR_MS


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


def one_by_one(table, columns, tier):
    """By device, bucket and metric what a row has; of the last value also when it was."""
    out = {}
    for i, (device, t) in enumerate(
        zip(columns["device"].tolist(), columns["t"].tolist(), strict=True)
    ):
        for metric in table.metrics:
            key = (device, t // 1000 // tier.seconds * tier.seconds, metric.name)
            found = out.setdefault(key, [0, *limits(metric), 0, 0, 0])
            if int(columns["present"][i]) >> metric.number & 1:
                value, ms = int(columns[raw_column(metric)][i]), t % HOUR_MS + 1
                found[:4] = (
                    found[0] + 1,
                    min(found[1], value),
                    max(found[2], value),
                    found[3] + value,
                )
                if ms > found[4]:
                    found[4:] = ms, value
    return out


def as_made(table, made):
    out = {}
    for i, (device, t) in enumerate(zip(made["device"].tolist(), made["t"].tolist(), strict=True)):
        for m in table.metrics:
            *others, latest = (int(made[f"{m.name}_{what}"][i]) for what in STATISTICS)
            ms, value = latest >> VALUE_BITS, latest % (1 << VALUE_BITS)
            assert (device, t, m.name) not in out
            out[device, t, m.name] = [*others, ms, value - ZERO if ms else 0]
    return out


@pytest.mark.parametrize("table", SAMPLE_TABLES, ids=lambda t: t.name)
@pytest.mark.parametrize("there", [0.0, 0.05, 0.7, 1.0])
def test_every_statistic_is_that_of_the_samples(table, there):
    """Of every metric, over a full hour and midnight, also where samples come out of order and metrics are absent."""
    rng = np.random.default_rng(7)
    for start in (BEGIN_MS, BEGIN_MS - 90_000):
        devices = np.repeat([3, 5, 9], 150)
        t = np.concatenate([start + 1000 * rng.permutation(200)[:150] for _ in range(3)])
        columns = samples(table, rng, devices, t, there)
        of_minutes = minutes(table, columns)
        assert one_by_one(table, columns, MINUTE) == as_made(table, of_minutes)
        of_hours = hours(table, of_minutes)
        assert one_by_one(table, columns, HOUR) == as_made(table, of_hours)
        assert 450 == of_minutes["samples"].sum() == of_hours["samples"].sum()


def test_energy_is_power_times_the_length_of_its_tick():
    """Of the device's own power alone; tables without one have none."""
    rng = np.random.default_rng(1)
    gpu, slow = SAMPLE_TABLES[:2]
    columns = samples(gpu, rng, [1] * 100, BEGIN_MS + 1000 * np.arange(100))
    due = (columns["power_w_steps"].astype(np.int64) * columns["tick_ms"]).tolist()
    assert [sum(due[:60]), sum(due[60:])] == minutes(gpu, columns)["used"].tolist()
    none = minutes(slow, samples(slow, rng, [1] * 9, BEGIN_MS + 1000 * np.arange(9)))
    assert [0] == none["used"].tolist()


def test_a_minute_of_many_short_ticks_is_one_row():
    """However many there are."""
    rng = np.random.default_rng(2)
    gpu = SAMPLE_TABLES[0]
    t = [*(BEGIN_MS + 100 * np.arange(600)), BEGIN_MS, BEGIN_MS + 1, BEGIN_MS + 2]
    made = minutes(gpu, samples(gpu, rng, [1] * 600 + [2] * 3, t, 1.0))
    assert [600, 3] == made["samples"].tolist() == made["power_w_n"].tolist()


def test_a_last_value_beyond_all_sense_is_the_furthest():
    """Lowest, highest and sum have it as it is."""
    gpu, rng = SAMPLE_TABLES[0], np.random.default_rng(3)
    columns = samples(gpu, rng, [1], [BEGIN_MS], 1.0)
    (raw,) = (raw_column(m) for m in gpu.metrics if m.name == "energy_j")
    columns[raw] = np.array([1 << 50], np.uint64)
    made = minutes(gpu, columns)
    assert [1 << 50] == made["energy_j_low"].tolist() == made["energy_j_sum"].tolist()
    assert ZERO - 1 == int(made["energy_j_latest"][0]) % (1 << VALUE_BITS) - ZERO
