"""Runs evaluations: a hall of the twin, or a recording, through detection as if live."""
