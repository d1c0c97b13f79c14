"""The lease as a fold of its log, and members that live by it through whatever happens."""

from random import Random

from agents.plant.world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.agents.gate import Verdict
from coldplate.agents.plant.lease import Terms
from coldplate.wire.lease import LeaseRecord

LEASE_MS = 6000
SEEDS = st.integers(0, 2**32)
"""A world of 2 minutes draws ten thousand numbers: more than hypothesis gives one example."""


def says(member, kind, term=None, *, boot=1, start=None, until=None):
    return LeaseRecord("hall", member, boot, kind, term, start, until)


def folded(*entries, whole=True, first=0):
    """Terms after (time, record) pairs."""
    terms = Terms(LEASE_MS, whole=whole)
    for offset, (at_ms, record) in enumerate(entries, first):
        terms.take(offset, at_ms, record)
    return terms


LEADING = ((1000, says("a", "claim")), (1050, says("a", "hold", 0, start=2000)))


def test_nobody_s_lease_goes_to_the_first_claim():
    """A later one of another is invalid while the holder may live."""
    terms = folded((1000, says("a", "claim")), (1010, says("b", "claim")))
    assert terms.holds("a", 1)
    assert not terms.holds("b", 1)


def test_a_silent_holder_is_followed_after_the_lease_s_time():
    """Not at it, but after it, by the broker's clock."""
    assert folded(*LEADING, (1050 + LEASE_MS, says("b", "claim"))).holds("a", 1)
    assert folded(*LEADING, (1051 + LEASE_MS, says("b", "claim"))).holds("b", 1)


def test_who_comes_back_before_anybody_claimed_goes_on():
    """Kafka was away for all: the first hold after it prolongs the same term."""
    terms = folded(*LEADING, (90_000, says("a", "hold", 0, start=2000)))
    assert terms.holds("a", 1)
    assert Verdict.SEND is terms.verdict("a", 50_000, 54_000)


def test_a_hold_of_a_term_that_is_over_does_nothing():
    """It was on its way when another took over."""
    late = says("a", "hold", 0, start=2000)
    assert folded(*LEADING, (8000, says("b", "claim")), (8010, late)).holds("b", 1)


def test_a_process_of_the_same_member_need_not_wait():
    """Its state folder is locked, so the earlier process is dead."""
    assert folded(*LEADING, (1100, says("a", "claim", boot=2))).holds("a", 2)


def test_who_left_is_followed_at_once():
    """A planned change takes no lease's time."""
    left = (3000, says("a", "leave", 0, start=2000, until=4000))
    terms = folded(*LEADING, left, (3020, says("b", "claim")), (3040, says("b", "hold", 3, start=4000)))  # fmt: skip
    assert terms.holds("b", 1)
    assert Verdict.SEND is terms.verdict("a", 3000, 3000)
    assert Verdict.DROP is terms.verdict("a", 4000, 4000)


def test_ticks_are_sent_as_far_as_nobody_else_can_have_them():
    """Up to the lease's time after the last word that was read; beyond they wait."""
    terms = folded(*LEADING)
    assert Verdict.SEND is terms.verdict("a", 2000, 1050 + LEASE_MS)
    assert Verdict.HOLD is terms.verdict("a", 2000, 1051 + LEASE_MS)


def test_ticks_of_the_other_s_term_are_dropped():
    """And those before it, sampled while cut off, are sent at last."""
    terms = folded(*LEADING, (8000, says("b", "claim")), (8050, says("b", "hold", 2, start=9000)))
    assert Verdict.SEND is terms.verdict("a", 7000, 8000)
    assert Verdict.DROP is terms.verdict("a", 9000, 9000)
    assert Verdict.DROP is terms.verdict("b", 8000, 8000)
    assert Verdict.SEND is terms.verdict("b", 9000, 13_000)


def test_a_frame_across_the_seam_is_dropped():
    """Its later ticks are the other's; a frame is sent whole or not at all."""
    terms = folded(*LEADING, (8000, says("b", "claim")), (8050, says("b", "hold", 2, start=9000)))
    assert Verdict.DROP is terms.verdict("a", 8000, 9000)


def test_a_term_without_a_first_tick_owns_none():
    """Its holder died before it sampled."""
    terms = folded(*LEADING, (8000, says("b", "claim")), (15_000, says("c", "claim")), (15_050, says("c", "hold", 3, start=16_000)))  # fmt: skip
    assert Verdict.SEND is terms.verdict("a", 15_000, 15_000)


def test_a_first_tick_before_the_claim_is_not_believed():
    """Those ticks may have been sent already."""
    terms = folded(*LEADING, (8000, says("b", "claim")), (8050, says("b", "hold", 2, start=7000)))
    assert Verdict.DROP is terms.verdict("b", 7000, 7000)


def test_who_begins_in_the_middle_believes_holds_and_no_claim():
    """The claim may have been invalid for a reason that lies before."""
    claim, hold = says("b", "claim"), says("a", "hold", 10, start=2000)
    assert folded((50_000, claim), (50_500, hold), whole=False, first=90).holds("a", 1)
    assert folded((50_000, claim), (57_000, claim), whole=False, first=90).holds("b", 1)


def test_who_begins_in_the_middle_sends_nothing_of_before():
    """The first records that it sees may be those of one that had not heard of its end yet."""
    late = says("a", "hold", 10, start=2000)
    terms = folded((50_000, late), (57_000, says("b", "claim")), (57_500, says("b", "hold", 91, start=58_000)), whole=False, first=90)  # fmt: skip
    assert Verdict.DROP is terms.verdict("a", 45_000, 45_000)
    assert Verdict.SEND is terms.verdict("b", 63_000, 63_000)


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.integers(2, 3))
def test_no_tick_is_two_members_whatever_happens(seed, members):
    """Through cuts, deaths, pauses, clocks that differ by seconds, and records that come half a minute late."""
    world = World(Random(seed), [f"m{i}" for i in range(members)], skew_ms=3000, delay_ms=1000)
    for _ in range(1200):
        world.step(chaos=True)
    world.calm()
    for _ in range(200):
        world.step(chaos=False)
    assert [] == [tick for tick, count in world.sent.items() if count > 1]


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(1, 3))
def test_somebody_leads_ten_seconds_after_the_trouble(seed, members):
    """One that is alive and connected is enough; what it samples is sent."""
    world = World(Random(seed), [f"m{i}" for i in range(members)], skew_ms=200, delay_ms=100)
    for _ in range(600):
        world.step(chaos=True)
    world.calm()
    if all(p.dead for p in world.processes.values()):
        return
    world.flying = []
    for _ in range(100):
        world.step(chaos=False)
    assert 1 == len(world.leaders())
    began_ms = world.now_ms
    for _ in range(200):
        world.step(chaos=False)
    wanted = range(began_ms // 1000 + 1, (began_ms + 12_000) // 1000)
    assert [] == [t for t in wanted if world.sent[1000 * t] != 1]
