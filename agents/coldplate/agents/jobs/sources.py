"""The sources of jobs that the options ask for, in the order in which they are believed."""

from pathlib import Path

from coldplate.agents.jobs.mapping import MappingFolder
from coldplate.agents.jobs.owner import JobSource
from coldplate.agents.jobs.pods import PodResources
from coldplate.agents.jobs.slurm import Pids, SlurmCgroups
from coldplate.agents.options.jobs import Jobs


def sources_of(options: Jobs, pids: Pids | None = None) -> list[JobSource]:
    """Those that are asked.

    Parameters
    ----------
    pids
        Processes by GPU; without them Slurm's jobs cannot be told.
    """
    out: list[JobSource] = []
    if options.mapping_dir:
        out.append(MappingFolder(Path(options.mapping_dir), every_s=options.mapping_s))
    if options.pod_socket:
        out.append(
            PodResources(
                Path(options.pod_socket),
                every_s=options.pod_s,
                timeout_s=options.pod_timeout_s,
            )
        )
    if options.slurm and pids is not None:
        out.append(SlurmCgroups(pids, every_s=options.slurm_s))
    return out
