"""What NVML can answer instead of a value; each has the word that health and origins use for it."""


class NvmlError(Exception):
    """Any of them; by itself one that has no name of its own and may pass."""

    reason = "error"


class Unsupported(NvmlError):  # noqa: N818  an answer, and no fault
    """This GPU or driver does not tell this, and asking again does not help."""

    reason = "unsupported"


class NoPermission(NvmlError):  # noqa: N818  an answer, and no fault
    """Only a privileged process may ask this."""

    reason = "no-permission"


class NeedsReset(NvmlError):  # noqa: N818  a state of the GPU
    """The GPU answers this again only after a reset."""

    reason = "needs-reset"


class Lost(NvmlError):  # noqa: N818  a state of the GPU
    """The GPU has fallen off the bus, or cannot be reached any more."""

    reason = "lost"


class DriverGone(NvmlError):  # noqa: N818  a state of the machine
    """The driver was unloaded or exchanged: NVML must be initialised anew."""

    reason = "driver-gone"


class NoDriver(RuntimeError):  # noqa: N818  a state of the machine
    """There is no driver to ask, or it sees no GPU; the message says which."""
