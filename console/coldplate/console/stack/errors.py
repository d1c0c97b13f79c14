"""What the local stack can fail with; each message says what happened and what to do."""

from pathlib import Path


class StackError(Exception):
    """The local stack cannot do what was asked."""


class FetchError(StackError):
    """A download did not come about.

    Parameters
    ----------
    what
        The thing that was wanted, with its version.
    reason
        What failed, in one line.
    remedy
        What the reader can do about it.
    """

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(f"{what} could not be fetched: {reason}. {remedy}")
        self.what = what
        self.reason = reason
        self.remedy = remedy


class LockHeld(StackError):  # noqa: N818  (names the state of the lock, as FileExistsError does)
    """Another process holds the lock file `path`."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"{path} is locked by {holder}")
        self.pid = pid


class StateBusy(StackError):  # noqa: N818  (as LockHeld)
    """Another supervisor runs on this state folder."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(
            f"a stack already runs in {path} ({holder}): stop it with `coldplate down`,"
            " or start a second one beside it with another COLDPLATE_STATE"
        )
        self.pid = pid


class NotOurs(StackError):  # noqa: N818  (as LockHeld)
    """A folder that coldplate did not make, so coldplate will not empty or use it."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds files but not coldplate's marker: choose an empty or new folder"
        )
