"""Field values: many numbers of a GPU in one call, each with its own code and type."""

import ctypes
from collections.abc import Sequence
from struct import Struct

from coldplate.agents.nvml.calls import Numbers, Read
from coldplate.agents.nvml.driver import Device, error, function
from coldplate.agents.nvml.errors import Unsupported

ALL_LINKS = 0xFFFFFFFF
"""As scope of an NVLink counter: the sum over all links."""

# nvmlFieldValue_t: field id, scope id, timestamp, latency, value type, code, value; 40 bytes.
_ASKED = Struct("=II32x")
_HEAD = "24xII"
_VALUES = {0: "d", 1: "I4x", 2: "Q", 3: "Q", 4: "q", 5: "i4x", 6: "H6x"}
"""By nvmlValueType_t."""


class FieldCall:
    """One call for a fixed set of fields.

    Parameters
    ----------
    device
        Which GPU.
    asked
        Number and scope of each field.
    """

    def __init__(self, device: Device, asked: Sequence[tuple[int, int]]) -> None:
        self._call = function("nvmlDeviceGetFieldValues")
        self._buffer = ctypes.create_string_buffer(b"".join(_ASKED.pack(*a) for a in asked))
        self._given = (device.handle, ctypes.c_int(len(asked)), self._buffer)
        self._expect((3,) * len(asked))

    def read(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """NVML's code of each field, and its value where the code is 0.

        Raises
        ------
        NvmlError
            When the call as a whole failed.
        """
        if code := self._call(*self._given):
            raise error(code, "nvmlDeviceGetFieldValues")
        told = self._layout.unpack_from(self._buffer)
        # A type is known with the first answer, and then seldom another one.
        if told[::3] != self._types:
            self._expect(told[::3])
            told = self._layout.unpack_from(self._buffer)
        return told[1::3], told[2::3]

    def _expect(self, types: tuple[int, ...]) -> None:
        self._types = types
        self._layout = Struct("=" + "".join(_HEAD + _VALUES.get(t, "Q") for t in types))


def needs_reset(device: Device) -> Read:
    """0 no, 1 reset, 2 drain and reset: field 227 says that the GPU has to be drained as well."""
    call = FieldCall(device, ((226, 0), (227, 0)))

    def read() -> Numbers:
        (reset_code, drain_code), (reset, drain) = call.read()
        if reset_code and drain_code:
            raise Unsupported("NVML fields 226, 227")
        drains = not drain_code and drain > 0
        return (2.0 if drains else float(not reset_code and reset > 0),)

    return read
