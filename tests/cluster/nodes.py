"""A hall that is played: nodes with GPUs, tainted as GPU nodes are, plain ones in two zones, and disks for who claims one."""

GPU_NODES = ("gpu-1", "gpu-2", "gpu-3", "gpu-4")
PLAIN_NODES = ("plain-1", "plain-2", "plain-3")
CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "400Gi"}
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def node(name, zone, *, gpus=0):
    """A node that says what GPU Feature Discovery would say of it."""
    has = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
    if gpus:
        labels["nvidia.com/gpu.present"] = "true"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [GPU_TAINT] if gpus else []},
        "status": {"capacity": {**CAPACITY, **has}, "allocatable": {**CAPACITY, **has}},
    }


def disk(name):
    """A volume that exists already, for a claim without a class."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "50Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": f"/mnt/{name}"},
        },
    }


def hall():
    """Manifests of all of it, with the runtime class that agents ask for."""
    yield {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"},
        "handler": "nvidia",
    }
    for name in GPU_NODES:
        yield node(name, "hall-a", gpus=8)
    for at, name in enumerate(PLAIN_NODES):
        yield node(name, ("hall-a", "hall-b")[at % 2])
    for at in range(8):
        yield disk(f"disk-{at}")
