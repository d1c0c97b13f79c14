"""Gives a folder of the node to the user of the agent, once: run as root with CHOWN alone, by the agent's init container.

It is left alone when it is that user's already. Links are never followed.
"""

import os
import sys
from pathlib import Path


def give(path: Path, uid: int) -> None:
    """Hand `path` and all that is in it over, from the top: without another capability root sees only what is its own."""
    os.lchown(path, 0, 0)
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        for inner in path.iterdir():
            give(inner, uid)
    os.lchown(path, uid, uid)


folder, owner = Path(sys.argv[1]), int(sys.argv[2])
if folder.stat().st_uid != owner:
    give(folder, owner)
