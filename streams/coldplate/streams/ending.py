"""The end of a worker that cannot go on: its supervisor starts it anew, and it reads again what has no effects yet."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

EXIT_FAILED = 70
"""sysexits' EX_SOFTWARE: start me again."""


@contextmanager
def or_end() -> Iterator[None]:
    """End the process on an exception that nobody foresaw.

    A loop that logs it and goes on passes over what was not done, as if healthy. Whoever is started after us reads
    again from the last offset that was committed, with effects.
    """
    try:
        yield
    except Exception:
        log.critical("a batch could not be worked on; ending, to be started anew", exc_info=True)
        os._exit(EXIT_FAILED)
