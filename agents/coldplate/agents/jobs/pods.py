"""Which pod has which GPU, by the kubelet's pod-resources service on the node itself.

`PodResourcesLister.List` (v1, since Kubernetes 1.20) tells what the device plugins have given to containers. It knows
neither a pod's labels nor its uid, so a job is a pod here and is called `NAMESPACE/POD`; GPUs that were given through
dynamic resource allocation alone stand in it under names that only the API server could turn into a UUID, and are not
told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from coldplate.agents.jobs.owner import JobsUnavailableError, Owner
from coldplate.agents.jobs.protobuf import messages, text, texts

METHOD = "/v1.PodResourcesLister/List"

RESOURCES = re.compile(r"nvidia\.com/(?:gpu(?:\.shared)?|mig-.+)")

# Numbers of the fields in k8s.io/kubelet/pkg/apis/podresources/v1/api.proto.
_POD_RESOURCES = 1
_POD_NAME, _POD_NAMESPACE, _POD_CONTAINERS = 1, 2, 3
_CONTAINER_NAME, _CONTAINER_DEVICES = 1, 2
_DEVICE_RESOURCE, _DEVICE_IDS = 1, 2

# `nvidia0`, `nvidia0/gi3`, `nvidia0/vgpu1` of GKE's device plugin.
_BY_INDEX = re.compile(r"nvidia(\d+)(?:/.*)?")
# `MIG-GPU-1b2c.../7/0`, as drivers before 470 named an instance.
_OLD_MIG = re.compile(r"MIG-(GPU-[0-9a-fA-F-]+)/\d+/\d+")


class PodResources:
    """Asks the kubelet.

    Parameters
    ----------
    path
        Of its socket. While it was never there, this is no Kubernetes node and nobody owns anything.
    every_s
        How often it is asked.
    timeout_s
        How long an answer may take.
    """

    name = "kubernetes"

    def __init__(self, path: Path, *, every_s: float = 10.0, timeout_s: float = 2.0) -> None:
        self._path, self.every_s, self._timeout_s = path, every_s, timeout_s
        self._was_there = False

    def owners(self) -> Mapping[str, Sequence[Owner]]:
        """The pods by the GPU's UUID or index.

        Raises
        ------
        JobsUnavailableError
            When the kubelet does not answer, or what it answers cannot be read.
        """
        if not self._was_there:
            try:
                self._path.stat()
            except FileNotFoundError:
                return {}
            except OSError as error:
                text = f"{self._path}: {error.strerror}"
                raise JobsUnavailableError(text, "no-permission") from None
            self._was_there = True
        # Here, so that only a node of Kubernetes pays for HTTP/2.
        from coldplate.agents.jobs.grpc import ask  # noqa: PLC0415

        answer = ask(str(self._path), METHOD, b"", timeout_s=self._timeout_s)
        out: dict[str, list[Owner]] = {}
        try:
            for device, owner in _given(answer):
                out.setdefault(gpu_of(device), []).append(owner)
        except ValueError as error:
            raise JobsUnavailableError(f"{self._path}: {error}") from None
        return out


def gpu_of(device: str) -> str:
    """The GPU's UUID, or its index, in a device plugin's id of it or of a share of it.

    Examples
    --------
    >>> gpu_of("GPU-8f1c::3"), gpu_of("nvidia0/gi3"), gpu_of("MIG-GPU-8f1c/7/0"), gpu_of("MIG-77ab")
    ('GPU-8f1c', '0', 'GPU-8f1c', 'MIG-77ab')
    """
    whole = device.partition("::")[0]
    for form in (_BY_INDEX, _OLD_MIG):
        if match := form.fullmatch(whole):
            return match[1]
    return whole


def _given(answer: bytes) -> Iterator[tuple[str, Owner]]:
    """Each NVIDIA device that a container has been given."""
    for pod in messages(answer, _POD_RESOURCES):
        name, namespace = text(pod, _POD_NAME), text(pod, _POD_NAMESPACE)
        for container in messages(pod, _POD_CONTAINERS):
            owner = Owner(
                f"{namespace}/{name}", pod=name, namespace=namespace,
                container=text(container, _CONTAINER_NAME),
            )  # fmt: skip
            for devices in messages(container, _CONTAINER_DEVICES):
                if RESOURCES.fullmatch(text(devices, _DEVICE_RESOURCE)):
                    for device in texts(devices, _DEVICE_IDS):
                        yield device, owner
