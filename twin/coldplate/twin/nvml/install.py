"""Putting the stand-in beneath pynvml, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import pynvml

from coldplate.twin.nvml.library import Library


@contextmanager
def beneath_pynvml(library: Library) -> Iterator[Library]:
    """While inside, pynvml finds this library loaded; one a process.

    Whoever initialised NVML must have shut it down before the end.
    """
    before = pynvml.nvmlLib
    with pynvml.libLoadLock:
        pynvml.nvmlLib = library
        # It keeps the functions it has looked up.
        pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001
    try:
        yield library
    finally:
        with pynvml.libLoadLock:
            pynvml.nvmlLib = before
            pynvml._nvmlGetFunctionPointer_cache.clear()  # noqa: SLF001
