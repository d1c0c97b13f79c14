"""What collectors raise."""


class DevicesChanged(RuntimeError):  # noqa: N818  a fact about the machine, not a fault
    """A collector no longer has the devices it was made with; make it anew. The message says what changed."""
