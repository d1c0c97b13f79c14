"""What a page makes of snapshot and deltas is never further from the hall than the band."""

import numpy as np
from dashboards.web.halls import floor_of, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.dashboards.web.channels import CHANNELS, INCIDENT, JOB, TEMPERATURE
from coldplate.dashboards.web.coding import BANDS, Coder
from coldplate.dashboards.web.moments import Moments
from coldplate.dashboards.web.picture import Picture

FLOOR = "0123456789abcdef"


@st.composite
def courses(draw):
    """Pictures of some hundred cells: noise, jumps, absence, all at random sizes."""
    made = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = draw(st.integers(1, 600))
    now = made.integers(0, 256, cells)
    pictures = [now]
    for _ in range(draw(st.integers(1, 8))):
        size = draw(st.sampled_from([0, 1, 3, 10, 60]))
        now = np.clip(now + made.integers(-size, size + 1, cells), 0, 255)
        now = np.where(made.random(cells) < draw(st.sampled_from([0.0, 0.05, 1.0])), 0, now)
        pictures.append(now)
    return [p.astype(np.uint8) for p in pictures]


@given(courses(), st.sampled_from(CHANNELS), st.integers(60, 400))
@settings(max_examples=60, deadline=None)
def test_a_page_is_never_further_away_than_the_band(pictures, channel, budget_bytes):
    """Cells are within it, absence and codes are exact, and a snapshot at any time is what deltas made."""
    coder = Coder(channel, budget_bytes)
    assert coder.delta(pictures[0], 0, FLOOR) is None
    page = unpacked(coder.snapshot()).cells
    assert pictures[0].tolist() == page.tolist()
    for at_ms, picture in enumerate(pictures[1:], 1):
        coded = coder.delta(picture, at_ms, FLOOR)
        page = page + unpacked(coded.message).cells
        away = np.abs(page.astype(int) - picture)
        assert away.max() <= (0 if channel in (JOB, INCIDENT) else coded.band)
        assert ((page == 0) == (picture == 0)).all()
        assert len(coded.message) <= budget_bytes or coded.band in (0, BANDS[-1])
        assert page.tolist() == unpacked(coder.snapshot()).cells.tolist()


def test_a_hall_that_moves_a_little_stays_under_the_budget():
    """The band opens as far as it must and closes again when it is calm."""
    made = np.random.default_rng(1)
    calm = made.integers(80, 120, 20_000)
    coder = Coder(TEMPERATURE, 3000)
    coder.delta(calm.astype(np.uint8), 0, FLOOR)
    bands = []
    for at_ms in range(1, 12):
        noise = made.integers(-2, 3, len(calm)) if at_ms < 4 else 0
        coded = coder.delta((calm + noise).astype(np.uint8), at_ms, FLOOR)
        assert len(coded.message) <= 3000
        bands.append(coded.band)
    assert (max(bands) > 0, bands[-1]) == (True, 0)


def test_moments_follow_each_other_only_where_a_viewer_has_the_one_before():
    """A delta names what it follows; a channel that nobody looked at for a moment starts anew."""
    floor = floor_of()
    moments = Moments()

    def step(at_ms, *channels):
        values = {"temperature": np.full(24, at_ms, np.float32)}
        return moments.advance(Picture(floor.version, at_ms, None, values), 24, channels)

    first = step(1, TEMPERATURE)
    assert ({}, 1) == (dict(first.deltas), first.serial)
    assert step(2, TEMPERATURE).deltas["temperature"].before == first.serial
    assert {} == dict(step(3).deltas)
    assert {} == dict(step(4, TEMPERATURE).deltas)
    snapshot = moments.snapshot(TEMPERATURE)
    assert (4, {5}) == (snapshot.moment.serial, set(unpacked(snapshot.message).cells.tolist()))


def test_words_are_made_once_for_all_who_were_told_the_same():
    """A field that is the same is left out; time and floor never are."""
    floor = floor_of()
    moments = Moments()
    strips = [{"power_w": 1.0}, {"power_w": 1.0}, {"power_w": 2.0}]
    made = [
        moments.advance(Picture(floor.version, at, None, {}, strip=strip), 24, ())
        for at, strip in enumerate(strips)
    ]
    assert '"jobs":[]' in made[0].text(None)
    same = made[1].text(made[0].told)
    assert same is made[1].text(made[0].told)
    assert (
        f'{{"type":"picture","past":false,"floor":"{floor.version}","at_ms":1,"t_ms":null}}' == same
    )
    assert '"strip":{"power_w":2.0}' in made[2].text(made[1].told)
