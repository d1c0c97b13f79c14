"""The pause before a restart."""

from coldplate.console.stack.part import Backoff


def test_the_pause_doubles_up_to_its_limit():
    """A part that keeps dying is tried ever more rarely, but never given up."""
    backoff = Backoff()
    assert [backoff.next_s(healthy_s=0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_calm_minute_forgets_the_deaths_before():
    """After a long healthy run a death is a first one again; after a short one it is not."""
    backoff = Backoff()
    backoff.next_s(healthy_s=0)
    assert backoff.next_s(healthy_s=59) == 2
    assert backoff.next_s(healthy_s=60) == 1
