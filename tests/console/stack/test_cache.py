"""The cache: an entry is whole or not there."""

import threading

import pytest
from waiting import await_that

from coldplate.console.stack.cache import Cache


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def fill(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("whole")


def test_a_filled_entry_is_found_with_its_files(cache):
    """What was installed is found again, in the same folder."""
    folder = cache.install("thing", fill)
    assert cache.installed("thing") == folder
    assert (folder / "deep" / "file").read_text() == "whole"


def test_half_a_fetch_is_never_seen(cache):
    """While it fills, and after it failed, the entry is not there; the next try starts clean."""
    seen = []

    def half(folder):
        (folder / "leftover").write_text("half")
        seen.append(cache.installed("thing"))
        raise RuntimeError("the network went away")

    with pytest.raises(RuntimeError, match="went away"):
        cache.install("thing", half)
    assert seen == [None]
    assert cache.installed("thing") is None
    folder = cache.install("thing", fill)
    assert not (folder / "leftover").exists()


def test_a_file_cut_short_makes_the_entry_count_as_missing(cache):
    """A damaged entry is filled again."""
    folder = cache.install("thing", fill)
    (folder / "deep" / "file").write_text("who")
    assert cache.installed("thing") is None
    assert (cache.install("thing", fill) / "deep" / "file").read_text() == "whole"


def test_the_second_of_two_waits_and_finds_the_work_of_the_first(cache):
    """Two that want the same entry fill it once."""
    filling, go_on, fills = threading.Event(), threading.Event(), []

    def slowly(folder):
        fills.append(folder)
        filling.set()
        assert go_on.wait(5)
        fill(folder)

    first = threading.Thread(target=cache.install, args=("thing", slowly))
    second = threading.Thread(target=cache.install, args=("thing", slowly))
    first.start()
    assert filling.wait(5)
    second.start()
    assert len(fills) == 1
    go_on.set()
    await_that(lambda: not (first.is_alive() or second.is_alive()), 5, "both installs")
    assert len(fills) == 1
    assert cache.installed("thing") is not None
