"""Which process a pid means, and how to end a whole process group.

A pid alone is not an identity: after a crash or a reboot it may belong to somebody else. Together
with the kernel's start time (field 22 of /proc/PID/stat, proc(5)) it is one.
"""

import os
import select
import signal
from pathlib import Path


def start_ticks(pid: int) -> int | None:
    """Kernel clock ticks from boot to the start of `pid`; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name stands in parentheses and may hold anything, parentheses included.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_same(pid: int, ticks: int) -> bool:
    """Whether `pid` still is the process that started at `ticks`."""
    return start_ticks(pid) == ticks


def signal_group(pid: int, signum: signal.Signals) -> None:
    """Send `signum` to the process group that `pid` leads, if it still has members."""
    try:
        os.killpg(pid, signum)
    except ProcessLookupError:
        return


def wait_gone(pid: int, limit_s: float) -> bool:
    """Whether `pid` ended within `limit_s`; works for processes that are not our children."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        readable, _, _ = select.select([descriptor], [], [], limit_s)
    finally:
        os.close(descriptor)
    return bool(readable)
