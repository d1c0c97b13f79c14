"""A fault that two ears hear is told once."""

import threading

from coldplate.agents.xid_once import _KEPT_MAX, XidOnce


def test_the_second_sighting_within_the_window_is_not_the_first() -> None:
    """Whichever ear it comes by, and though its time is the older one."""
    once = XidOnce()
    assert once.first("node/gpu-0", 31, 100_000)
    assert not once.first("node/gpu-0", 31, 103_000)
    assert not once.first("node/gpu-0", 31, 98_500)


def test_another_code_another_gpu_and_another_time_are_told() -> None:
    """A burst that goes on is told again when the window is over."""
    once = XidOnce()
    assert once.first("node/gpu-0", 31, 100_000)
    assert once.first("node/gpu-0", 45, 100_000)
    assert once.first("node/gpu-1", 31, 100_000)
    assert once.first("node/gpu-0", 31, 103_001)


def test_a_clock_that_was_set_back_mutes_nothing() -> None:
    """By more than the window, in either direction."""
    once = XidOnce()
    assert once.first("node/gpu-0", 31, 100_000_000)
    assert once.first("node/gpu-0", 31, 100_000)


def test_it_remembers_a_bounded_number() -> None:
    """The oldest are forgotten first."""
    once = XidOnce()
    for code in range(_KEPT_MAX + 10):
        once.first("node", code, 1000)
    assert _KEPT_MAX == len(once._told)
    assert not once.first("node", _KEPT_MAX, 1000)
    assert once.first("node", 0, 1000)


def test_of_many_threads_one_is_first() -> None:
    """For each fault."""
    once, told = XidOnce(), []
    start = threading.Barrier(8)

    def hear() -> None:
        start.wait()
        told.extend(code for code in range(200) if once.first("node", code, 1000))

    threads = [threading.Thread(target=hear) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(range(200)) == sorted(told)
