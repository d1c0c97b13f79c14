"""Pods by the kubelet's pod-resources service, on a real gRPC server."""

import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from agents.jobs.kubelet import Kubelet, pod, serving

from coldplate.agents.jobs.owner import JobsUnavailableError, Owner
from coldplate.agents.jobs.pods import PodResources
from coldplate.agents.jobs.protobuf import fields


def ask(path, **options):
    return dict(PodResources(path, **options).owners())


def test_pods_are_told_by_the_uuid_of_their_gpus(tmp_path):
    """Whole GPUs, MIG instances and shares of a GPU; other makers' devices are left out."""
    path = tmp_path / "kubelet.sock"
    with serving(path, Kubelet()) as kubelet:
        kubelet.pods = [
            pod("training", "llama-0", "worker", "nvidia.com/gpu", ["GPU-8f1c", "GPU-9a00"]),
            pod("ml", "notebook", "main", "nvidia.com/mig-1g.18gb", ["MIG-77ab"]),
            pod("ml", "shared", "main", "nvidia.com/gpu.shared", ["GPU-55::3"]),
            pod("kube-system", "net", "main", "intel.com/sriov", ["0000:3b:00.1"]),
        ]
        found = ask(path)
    llama = Owner("training/llama-0", pod="llama-0", namespace="training", container="worker")
    assert {"GPU-8f1c", "GPU-9a00", "MIG-77ab", "GPU-55"} == set(found)
    assert [[llama], [llama]] == [found["GPU-8f1c"], found["GPU-9a00"]]
    assert "ml/shared" == found["GPU-55"][0].job


def test_an_answer_longer_than_a_window_of_http_2_is_read_whole(tmp_path):
    """A node with many pods answers more than the 64 KiB that may be under way."""
    path = tmp_path / "kubelet.sock"
    with serving(path, Kubelet()) as kubelet:
        kubelet.pods = [
            pod("team", f"pod-{i}", "main" * 50, "nvidia.com/gpu", [f"GPU-{i}"])
            for i in range(2000)
        ]
        assert 2000 == len(ask(path))


def test_no_pods_are_no_failure(tmp_path):
    """An empty message is an answer."""
    path = tmp_path / "kubelet.sock"
    with serving(path, Kubelet()):
        assert {} == ask(path)


def test_a_machine_without_a_kubelet_has_no_pods(tmp_path):
    """It is asked for nothing, and nothing is wrong; HTTP/2 is not even imported."""
    assert {} == ask(tmp_path / "kubelet.sock")
    code = (
        "import sys; from pathlib import Path; from coldplate.agents.jobs.pods import PodResources\n"
        f"PodResources(Path({str(tmp_path / 'none')!r})).owners(); print('h2' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert "False\n" == ran.stdout


def test_a_kubelet_that_goes_is_missed_and_comes_back(tmp_path):
    """Once it was there its absence is a failure, not a machine without pods."""
    path = tmp_path / "kubelet.sock"
    pods = PodResources(path)
    with serving(path, Kubelet()):
        assert {} == pods.owners()
    path.unlink(missing_ok=True)
    with pytest.raises(JobsUnavailableError, match="No such file"):
        pods.owners()
    with serving(path, Kubelet()) as kubelet:
        kubelet.pods = [pod("a", "b", "c", "nvidia.com/gpu", ["GPU-1"])]
        assert ["a/b"] == [o.job for o in pods.owners()["GPU-1"]]


def test_what_the_server_says_no_with_is_told(tmp_path):
    """The status of the call and its words."""
    path = tmp_path / "kubelet.sock"
    with serving(path, Kubelet()) as kubelet:
        kubelet.error = (grpc.StatusCode.RESOURCE_EXHAUSTED, "rejected by rate limit: 100 % full")
        with pytest.raises(JobsUnavailableError, match=r"status 8.*rate limit: 100 % full"):
            ask(path)


def test_a_server_without_the_service_is_told(tmp_path):
    """A kubelet too old for v1."""
    path = tmp_path / "kubelet.sock"
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    try:
        with pytest.raises(JobsUnavailableError, match="status 12"):
            ask(path)
    finally:
        server.stop(0).wait()


def test_a_server_that_hangs_costs_no_more_than_the_limit(tmp_path):
    """The question is given up."""
    path = tmp_path / "kubelet.sock"
    kubelet = Kubelet()
    kubelet.wait = threading.Event()
    with serving(path, kubelet):
        try:
            with pytest.raises(JobsUnavailableError) as caught:
                ask(path, timeout_s=0.3)
        finally:
            kubelet.wait.set()
    assert caught.value.reason in ("timeout", "error")  # the server may be the one that gives up


@pytest.mark.parametrize("bytes_sent", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 100])
def test_a_server_of_another_tongue_is_no_kubelet(tmp_path, bytes_sent):
    """Whatever it sends, one line says that it cannot be read."""
    path = tmp_path / "kubelet.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer():
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                link.sendall(bytes_sent)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(JobsUnavailableError):
            ask(path, timeout_s=5.0)
        thread.join(5.0)


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\xff" * 11, b"\x08", b"\x0b"])
def test_bytes_that_are_no_message_are_refused(message):
    """Cut off, too long, or of a form that is no more: never read beyond the end."""
    with pytest.raises(ValueError):
        list(fields(message))
