"""`[agent.jobs]`: whom the agent asks which job owns a GPU."""

from typing import Annotated

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(gt=0, le=3600)]


class Jobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sources of jobs; the first that knows a GPU's job is believed: folder, kubelet, Slurm."""

    mapping_dir: str = ""
    mapping_s: Seconds = 2.0
    pod_socket: str = "/var/lib/kubelet/pod-resources/kubelet.sock"
    pod_s: Seconds = 10.0
    pod_timeout_s: Seconds = 2.0
    slurm: bool = True
    slurm_s: Seconds = 5.0


MEANINGS = {
    "mapping_dir": "folder with a file a GPU, named by its index, that holds job ids, as dcgm-exporter's `--hpc-job-mapping-dir`; empty: none",
    "mapping_s": "how often the folder is looked at",
    "pod_socket": "the kubelet's pod-resources socket; where there is none, nothing is asked; empty: never",
    "pod_s": "how often the kubelet is asked",
    "pod_timeout_s": "how long the kubelet's answer may take",
    "slurm": "whether Slurm's jobs are told by the cgroups of the processes on a GPU",
    "slurm_s": "how often the processes are looked at",
}
