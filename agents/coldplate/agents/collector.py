"""The contract of everything that samples: NVML, a recording, the twin, a CDU's Redfish service.

A collector knows its devices, and on each tick gives one column of numbers a device. It neither publishes nor
judges, and it does not know what a frame is. One implementation a file; one contract test runs over them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coldplate.wire.metric import Kind

Samples = Mapping[Kind, NDArray[np.float64]]
"""By kind: shape (metrics of the catalogue in its order, devices), in the catalogue's units, NaN where absent."""


@dataclass(frozen=True, slots=True)
class Source:
    """What sends frames under one name: a node with its GPUs, or a CDU with its rack.

    Parameters
    ----------
    name
        `rack-0003/node-5`, `rack-0003/cdu`.
    rack
        Its rack, the key of its records.
    devices
        By kind: which of the collector's devices of that kind, first and one past the last.
    """

    name: str
    rack: str
    devices: Mapping[Kind, range]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that does not wait for a frame; the loop makes an `Event` of it.

    Parameters
    ----------
    kind, subject, t_ms, code, text, data
        As in `coldplate.wire.event.Event`.
    """

    kind: str
    subject: str
    t_ms: int
    code: int | None = None
    text: str = ""
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conditions:
    """How sources are heard, one element a source; what a rehearsal does to nodes that a real one would not.

    Parameters
    ----------
    silent
        Sends nothing, and what it held is lost.
    shift_ticks
        Its clock is so many ticks ahead.
    """

    silent: NDArray[np.bool_]
    shift_ticks: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Health:
    """How something that is asked for samples is doing: a collector, or one of the devices behind it.

    Parameters
    ----------
    name
        `nvml`, `nvml/gpu-3`, `redfish/rack-0003/cdu`; bounded in number.
    ok
        Whether the last asking was answered in time.
    text
        Why not, in one line; "" when ok.
    duration_s
        What the last answer took; None before the first.
    last_success_ms
        Tick of the last answer; None before the first.
    counts
        Since start: `asked`, `answered`, and failures by reason (`timeout`, `error`, `busy`, `lost`, ...).
    """

    name: str
    ok: bool
    text: str = ""
    duration_s: float | None = None
    last_success_ms: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a metric of a device comes from, for people who look at one machine.

    Parameters
    ----------
    source
        `NVML field 186`, `redfish .../SecondaryCoolantConnectors/1 FlowLitersPerMinute`.
    cost_us
        Median time of the call that brings it, in microseconds; a call that brings several counts whole
        for each. None when not known.
    absent
        Why there is no value: `unsupported`, `lost`, `needs-reset`, `no-permission`, `timeout`, `error`,
        `disabled`, `no-job` (nobody's job is on the GPU); "" when there is one.
    """

    source: str
    cost_us: float | None = None
    absent: str = ""


class Collector(Protocol):
    """Samples devices on each tick."""

    @property
    def devices(self) -> Mapping[Kind, tuple[str, ...]]:
        """Ids by kind, in the order of the samples' last axis; fixed while the collector lives."""

    @property
    def sources(self) -> Sequence[Source]:
        """Under which names they are sent; every device belongs to exactly one source."""

    def sample(self, tick_ms: int) -> Samples:
        """The values at a tick (Unix milliseconds); called once a tick, with rising ticks unless the clock was set back."""

    def conditions(self) -> Conditions | None:
        """How its sources are heard in the tick just sampled; None: as they should be."""

    def happenings(self) -> list[Happening]:
        """What happened since the last call."""

    def health(self) -> Sequence[Health]:
        """How its sources of values are doing; from any thread. Empty: nothing behind it can fail."""

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """By device id, by metric name: where each value comes from. Empty where nobody would ask."""

    def close(self) -> None:
        """Let go of drivers and files; may be called twice."""
