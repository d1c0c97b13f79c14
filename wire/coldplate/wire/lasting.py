"""What lives as long as its process is no garbage, and a batch of frames is none while it is worked on.

A worker of 100,000 GPUs has some hundred thousand names, rows and sources that stay, and a sink's batch is some hundred
thousand objects until it is stored. Python's collector would walk through all of them every few hundred new ones: a
fourteenth of a sink's processor time, for nothing (`perf record` of one at 50,000 GPUs).
"""

import gc

NEW_OBJECTS = 100_000
"""Are there before they are looked through; Python's own 700 are reached by thirty frames."""


def keep_for_good() -> None:
    """Whatever is there now stays: it is looked through once more, and never again. What comes is looked through seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
