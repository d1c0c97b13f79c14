"""What the spool raises; everything else it lives with, and counts."""


class SpoolBusy(RuntimeError):  # noqa: N818  a state of the machine, not a fault of the spool
    """Another process has the spool's folder; the message says which."""
