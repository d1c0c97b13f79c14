"""What is known of the job on a GPU, and the contract of those who know it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

NUMBER_MAX = 2**32 - 1


class JobsUnavailableError(RuntimeError):
    """A source of jobs cannot be asked now; `reason` is a word to count it under."""

    def __init__(self, text: str, reason: str = "error") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Owner:
    """A job on a GPU.

    Parameters
    ----------
    job
        Its id: what the scheduler calls it, `NAMESPACE/POD` of a pod.
    user, pod, namespace, container
        "" where the source does not tell.
    since_ms
        Unix milliseconds since when, by the source; None where it does not tell.
    """

    job: str
    user: str = ""
    pod: str = ""
    namespace: str = ""
    container: str = ""
    since_ms: int | None = None

    @property
    def number(self) -> int:
        """The job's number, as metric `job` has it."""
        return job_number(self.job)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU by all its names.

    Parameters
    ----------
    id
        `rack-0003/node-5/gpu-0`.
    index
        Its number in the driver, by which mapping folders and CUDA name it.
    uuids
        Its UUID, and those of its MIG instances.
    """

    id: str
    index: int
    uuids: tuple[str, ...] = ()


class JobSource(Protocol):
    """Somebody who knows jobs."""

    name: str
    every_s: float

    def owners(self) -> Mapping[str, Sequence[Owner]]:
        """Who is on which GPU, by its id, UUID or index as text; a GPU without a job may be left out.

        Raises
        ------
        JobsUnavailableError
            When it cannot be told.
        """


def job_number(job: str) -> int:
    """A number from 1 to 2^32 - 1 for a job's id.

    Notes
    -----
    A whole number below 2^32 stands for itself. Everything else is numbered by its CRC-32: two of 1,000 such jobs
    have the same number with a probability of 1 in 8,600, so the number groups and the event names.

    Examples
    --------
    >>> job_number("4711"), job_number("training/llama-0"), job_number("0")
    (4711, 4258958631, 4108050209)
    """
    if job.isascii() and job.isdecimal() and job[0] != "0" and int(job) <= NUMBER_MAX:
        return int(job)
    return crc32(job.encode()) or 1


def by_gpu(
    answer: Mapping[str, Sequence[Owner]], names: Mapping[str, str]
) -> dict[str, tuple[Owner, ...]]:
    """The owners by GPU id, each job once; names that no GPU has are left out."""
    found: dict[str, dict[str, Owner]] = {}
    for name, owners in answer.items():
        gpu = names.get(name)
        if gpu is not None:
            mine = found.setdefault(gpu, {})
            for owner in owners:
                mine.setdefault(owner.job, owner)
    return {gpu: tuple(owners.values()) for gpu, owners in found.items()}


def names_of(gpus: Sequence[Gpu]) -> dict[str, str]:
    """GPU id by each of its names."""
    return {name: g.id for g in gpus for name in (g.id, str(g.index), *g.uuids)}
