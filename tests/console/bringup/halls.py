"""Racks on their way, as tests need them."""

from coldplate.console.bringup.states import WAY, Change, Place, standings

HOUR_MS = 3_600_000
BEGIN_MS = 1_795_000_000_000


def places(racks, per_row=10, gpus=64):
    return [Place(f"r{n:03d}", "hall", f"row-{n // per_row}", gpus) for n in range(racks)]


def way(rack, *hours, begin_h=0.0):
    """Changes of a rack that came to a state after the other, each so many hours after the one before."""
    out, t_h = [], begin_h
    for state, after_h in zip(WAY[1:], hours, strict=False):
        t_h += after_h
        out.append(Change(rack, BEGIN_MS + round(t_h * HOUR_MS), state, gpus=64))
    return out


def change(rack, hour, state, **more):
    return Change(rack, BEGIN_MS + round(hour * HOUR_MS), state, **more)


def hall(racks, *changes, **more):
    return standings(places(racks, **more), changes)


def url_of(settings):
    """Of a connection."""
    s = settings
    return f"clickhouse://{s.user}:{s.password}@{s.host}:{s.port}/{s.database}"
