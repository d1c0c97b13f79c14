"""One log file a part, kept small.

Programs keep their log open for weeks, so a rename would leave them writing into the renamed file.
The text is copied away and the file cut to nothing instead; it is open for appending, so the
program goes on at its new end. Lines written between copy and cut are lost: it is a log, not data.
"""

import shutil
from pathlib import Path

LIMIT_BYTES = 20 * 1024 * 1024


def bound(path: Path, limit_bytes: int = LIMIT_BYTES) -> bool:
    """Whether `path` was over the limit, and now is empty with its text in `NAME.1`."""
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def tail(path: Path, lines: int = 20) -> str:
    """The last `lines` of a log, for a message about a part that will not start."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
