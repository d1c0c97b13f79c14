"""What detectors have learnt, so that the next worker need not learn it anew.

A record of `coldplate.baselines` is what is known of one rack's devices up to a tick, keyed by rack: a struct of
arrays, one block a kind of device, as frames are. A rack of more than `VALUES_MAX` values comes in several records of
the same tick; the records of a rack's newest tick are what is known of it.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.errors import Reason, WireError
from coldplate.wire.metric import KIND_WORDS

VALUES_MAX = 4_000
"""Values in a record: at 32 bytes each, with names and ids, half of what a small record may have."""

_NUMBER = np.dtype("<f8")


class Learnt(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """One thing that a detector has learnt of each device of a block.

    Parameters
    ----------
    detector, name
        Whose, and how the detector calls it.
    unit
        Of the values; "" where it has none.
    value
        Float64, little-endian, one a device; NaN where nothing is learnt.
    age_s
        Likewise: seconds of values that it rests on; empty where the method does not know.
    learnt_ms
        Likewise: the tick that it learnt from last, Unix milliseconds; empty: the record's.
    samples
        Likewise: how many values it rests on; empty where the method does not know.
    """

    detector: str
    name: str
    unit: str
    value: bytes
    age_s: bytes = b""
    learnt_ms: bytes = b""
    samples: bytes = b""

    def array(self, what: str) -> NDArray[np.float64]:
        """`value`, `age_s`, `learnt_ms` or `samples` as an array; length 0 where it is not told."""
        return np.frombuffer(getattr(self, what), _NUMBER)


class Block(msgspec.Struct, frozen=True, array_like=True):
    """What is known of devices of one kind.

    Parameters
    ----------
    kind
        The kind's word: `gpu`, `node`, `cdu`, `rack`, `hall`.
    devices
        Their ids.
    learnt
        One entry a detector and name.
    """

    kind: str
    devices: tuple[str, ...]
    learnt: tuple[Learnt, ...]


class Baselines(msgspec.Struct, frozen=True):
    """What is known of a rack's devices.

    Parameters
    ----------
    cluster, rack
        Whose.
    t_ms
        The newest tick of the rack that it rests on, Unix milliseconds.
    blocks
        By kind of device.
    """

    cluster: str
    rack: str
    t_ms: int
    blocks: tuple[Block, ...]


def packed(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    """Numbers as `Learnt` holds them."""
    return np.ascontiguousarray(values, _NUMBER).tobytes()


def check(baselines: Baselines) -> None:
    """Pass a decoded record, or refuse it.

    Raises
    ------
    WireError
        `bad-shape` when an array has not one number a device, or a kind is none.
    """
    for block in baselines.blocks:
        if block.kind not in KIND_WORDS:
            raise WireError(Reason.BAD_SHAPE, "baselines of an unknown kind of device")
        whole = len(block.devices) * _NUMBER.itemsize
        for entry in block.learnt:
            others = (entry.age_s, entry.learnt_ms, entry.samples)
            if len(entry.value) != whole or any(len(b) not in (0, whole) for b in others):
                raise WireError(
                    Reason.BAD_SHAPE, f"baselines: {len(block.devices)} devices, other lengths"
                )
