"""Which GPU has which number: by its UUID, remembered, so that a loss that renumbers NVML's indices renames nobody."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

FILE = "gpus.json"


@dataclass(frozen=True, slots=True)
class Named:
    """A GPU by all its names.

    Parameters
    ----------
    id
        Ours.
    uuid, serial
        As the driver gives them; "" when not known.
    index
        Its number in the driver now, by which job mappings and CUDA name it.
    """

    id: str
    uuid: str
    serial: str
    index: int


def numbers(found: Mapping[str, int], known: Mapping[str, int]) -> dict[str, int]:
    """The number of each GPU.

    Parameters
    ----------
    found
        NVML's index of each GPU that is there, by UUID.
    known
        Numbers given before.

    Returns
    -------
    numbers
        By UUID: the one it had; for one not seen before its NVML index, or when a GPU that is there has that
        one, the lowest that is free. The number of a GPU that is not there any more is free for the one that
        was put in its place.

    Examples
    --------
    >>> numbers({"a": 0, "c": 1}, {"a": 0, "b": 1, "c": 2})
    {'a': 0, 'c': 2}
    >>> numbers({"a": 0, "new": 1, "c": 2}, {"a": 0, "b": 1, "c": 2})
    {'a': 0, 'new': 1, 'c': 2}
    """
    out: dict[str, int] = {}
    taken = {known[u] for u in found if u in known}
    for uuid, index in found.items():
        if uuid not in known:
            free = next(i for i in (index, *range(len(found) + len(taken))) if i not in taken)
            taken.add(free)
            out[uuid] = free
        else:
            out[uuid] = known[uuid]
    return out


def remembered(folder: Path | None) -> dict[str, int]:
    """Numbers given before; none when there is no file, or one that cannot be read."""
    if folder is None:
        return {}
    path = folder / FILE
    try:
        told = json.loads(path.read_text("utf-8"))["gpus"]
        known = {str(uuid): int(number) for uuid, number in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as why:
        log.warning("%s: not to be read (%s); GPUs are numbered anew, as NVML has them", path, why)
        return {}
    if len(set(known.values())) < len(known) or any(n < 0 for n in known.values()):
        log.warning("%s: two GPUs of one number; GPUs are numbered anew, as NVML has them", path)
        return {}
    return known


def remember(folder: Path | None, given: Mapping[str, int]) -> None:
    """Keep the numbers, at once or not at all; a folder that cannot be written to is only warned of."""
    if folder is None:
        return
    path, new = folder / FILE, folder / f"{FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8") as file:
            json.dump({"gpus": dict(given)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as why:
        log.warning("%s: not written (%s); a GPU's loss may rename others", path, why)
        with suppress(OSError):
            new.unlink(missing_ok=True)


def given_ids(
    node: str, gpus: Sequence[tuple[str, str, int]], listed: Mapping[str, str], folder: Path | None
) -> dict[str, str]:
    """The id of each GPU.

    Parameters
    ----------
    node
        Id of the node.
    gpus
        UUID, serial and NVML index of each.
    listed
        Id by UUID or by serial, from an inventory; it is believed before what was remembered.
    folder
        Where numbers are remembered; None does not.

    Returns
    -------
    ids
        By UUID: the listed one, or `NODE/gpu-NUMBER`.
    """
    known = remembered(folder)
    own = {uuid: i for uuid, s, _ in gpus if (i := listed.get(uuid) or listed.get(s)) is not None}
    # Listed ones hold their numbers as well, so that nobody else gets them.
    for uuid, id_ in own.items():
        tail = id_.rpartition("/gpu-")[2]
        if tail.isdecimal():
            known = {u: n for u, n in known.items() if n != int(tail)} | {uuid: int(tail)}
    given = numbers({uuid: index for uuid, _, index in gpus}, known)
    absent = {u: n for u, n in known.items() if u not in given and n not in given.values()}
    if (all_ := {**absent, **given}) != remembered(folder):
        remember(folder, all_)
    return {uuid: own.get(uuid, f"{node}/gpu-{given[uuid]}") for uuid in given}
