"""What a peer is: a program that others would use for a stage, how it is set up, and what its figures say.

A peer is measured like the stage it stands for: the same frames of the same hall in real time, as records of the form
that it reads, and its own processes' time. What it was told is committed beside it; what it leaves out is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from coldplate.console.benching.load import GPUS, Load
from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.records import Message
from coldplate.console.benching.production import Cycle

Stage = Literal["sink", "detect"]
"""What it stands beside: what writes the history, or what finds faults."""

NODES_PER_RACK = 8
CONFIGURATION = Path(__file__).with_name("configuration")
PARAMETERS = CONFIGURATION / "coldplate_parameters.toml"
"""Of our detectors, wherever they run."""


class NotHere(RuntimeError):  # noqa: N818  a finding, no failure of ours
    """A peer cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a peer.

    Parameters
    ----------
    values
        Present values of metrics that were given to it.
    seconds
        From the first record on until the last one was through.
    cpu_s, rss_mb
        By process in that time, of the peer alone; resident memory at its highest.
    broker_cpu_s
        Of Kafka meanwhile; 0 for what is not fed by it.
    latency_p50_s, latency_p99_s
        NaN where none was seen.
    latency_of
        From what to what.
    lost, duplicated
        In `unit`s.
    unit
        What was counted in and out.
    more
        What only this peer has.
    """

    values: int
    seconds: float
    cpu_s: Mapping[str, float]
    rss_mb: Mapping[str, int]
    broker_cpu_s: float
    latency_p50_s: float
    latency_p99_s: float
    latency_of: str
    lost: int
    duplicated: int
    unit: str
    more: Mapping[str, Any] = field(default_factory=dict)


class Running(Protocol):
    """A peer that runs and takes records.

    Parameters
    ----------
    unit
        What `done` counts: `rows`, `frames` or `values`.
    latency_of
        From what to what a record is followed.
    """

    unit: Literal["rows", "frames", "values"]
    latency_of: str

    @property
    def pids(self) -> Mapping[str, int]:
        """Its processes by name."""
        ...

    def feed(self, messages: Sequence[Message]) -> None:
        """Hand records over; may wait for the peer."""
        ...

    def flush(self) -> None:
        """Wait until all of them are where it reads them.

        Raises
        ------
        Failure
            Some never came there.
        """
        ...

    def done(self) -> int:
        """Units that have come out; cheap, for it is asked five times a second."""
        ...


class Peer(Protocol):
    """A program, set up as its own documentation recommends."""

    @property
    def name(self) -> str:
        """Of the row in the table."""
        ...

    @property
    def stage(self) -> Stage:
        """What it stands beside."""
        ...

    @property
    def does_not(self) -> Sequence[str]:
        """What the stage does and it does not."""
        ...

    @property
    def objection(self) -> str:
        """Who would object to this comparison, and why."""
        ...

    @property
    def configuration(self) -> Sequence[str]:
        """Files in `configuration/`, by which it was set up."""
        ...

    def version(self, ground: Ground) -> str:
        """Its version; it is made when it is not there yet.

        Raises
        ------
        NotHere, Failure
            It cannot be had here; it could not be made.
        """
        ...

    def measure(self, ground: Ground, cycle: Cycle) -> Figures:
        """Run it with the frames of a hall.

        Raises
        ------
        NotHere, Failure
            It does not run here, or died.
        """
        ...


def load_of(gpus: int, seconds: float, ticks: int = 5) -> Load:
    """What all peers get: whole nodes of 8 GPUs in racks of 8, the full catalogue."""
    nodes = -(-gpus // GPUS)
    return Load(nodes, -(-nodes // NODES_PER_RACK), ticks, "full", 0.0, seconds)


def configuration(name: str) -> str:
    """A committed file; `$word` in it is filled in when the peer starts."""
    return (CONFIGURATION / name).read_text("utf-8")
