"""Which Slurm job has which GPU, by the cgroups of the processes on it.

slurmstepd puts each step's processes into a cgroup with the job's number in its path. With cgroup v1 that is
`/slurm/uid_1000/job_4711/step_0/task_0`, with v2 `/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0`; where
several slurmd run on a machine, their node names stand beside `slurm`. So no command of Slurm is called, and a job is
seen while a process of it holds the GPU.

References
----------
https://slurm.schedmd.com/cgroups.html and https://slurm.schedmd.com/cgroup_v2.html
"""

import pwd
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from coldplate.agents.jobs.owner import JobsUnavailableError, Owner

PIDS_MAX = 4096

Pids = Callable[[], Mapping[str, Sequence[int]]]
"""Processes by a name of the GPU that they are on."""

_JOB = re.compile(r"/[\w.-]*slurm[\w.-]*(?:/uid_(\d+))?/job_(\d+)(?:/|$)", re.MULTILINE)
_UID = re.compile(r"^Uid:\s+(\d+)", re.MULTILINE)


class SlurmCgroups:
    """Reads cgroups of processes.

    Parameters
    ----------
    pids
        Who is on which GPU now, as NVML tells it. It must be the machine's own numbering, as it is outside of containers.
    every_s
        How often they are looked at.
    proc
        Where procfs is.
    """

    name = "slurm"

    def __init__(self, pids: Pids, *, every_s: float = 5.0, proc: Path = Path("/proc")) -> None:
        self._pids, self.every_s, self._proc = pids, every_s, proc

    def owners(self) -> Mapping[str, Sequence[Owner]]:
        """The jobs by the GPU's name, the lowest number first.

        Raises
        ------
        JobsUnavailableError
            When there are processes and not one of them may be looked at.
        """
        denied = seen = 0
        out: dict[str, list[Owner]] = {}
        for gpu, pids in self._pids().items():
            jobs: dict[str, Owner] = {}
            for pid in sorted(pids)[:PIDS_MAX]:
                try:
                    owner = self._owner(pid)
                except PermissionError:
                    denied += 1
                    continue
                except OSError:
                    continue  # it ended meanwhile
                seen += 1
                if owner is not None:
                    jobs.setdefault(owner.job, owner)
            if jobs:
                out[gpu] = sorted(jobs.values(), key=lambda o: int(o.job))
        if denied and not seen:
            raise JobsUnavailableError(
                f"{self._proc}: no permission to see whose processes these are", "no-permission"
            )
        return out

    def _owner(self, pid: int) -> Owner | None:
        """Of one process; None when it is none of Slurm's."""
        found = _JOB.search((self._proc / str(pid) / "cgroup").read_text("utf-8", "replace"))
        if found is None:
            return None
        uid = found[1]
        if uid is None:
            status = _UID.search((self._proc / str(pid) / "status").read_text("utf-8", "replace"))
            uid = status and status[1]
        return Owner(found[2], user=_user(int(uid)) if uid else "")


@lru_cache(maxsize=1024)
def _user(uid: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)
