"""A kubelet's pod-resources service on a Unix socket, served by grpcio and encoded by protobuf's own library."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TEXT, MESSAGE, INT = 9, 11, 3
ONE, MANY = 1, 3

# As in k8s.io/kubelet/pkg/apis/podresources/v1/api.proto, with a field of each kind that is not read.
FIELDS = {
    "ListPodResourcesResponse": [("pod_resources", 1, MANY, "PodResources")],
    "PodResources": [
        ("name", 1, ONE, None), ("namespace", 2, ONE, None), ("containers", 3, MANY, "ContainerResources"),
    ],
    "ContainerResources": [
        ("name", 1, ONE, None), ("devices", 2, MANY, "ContainerDevices"), ("cpu_ids", 3, MANY, INT),
    ],
    "ContainerDevices": [
        ("resource_name", 1, ONE, None), ("device_ids", 2, MANY, None), ("topology", 3, ONE, "TopologyInfo"),
    ],
    "TopologyInfo": [("nodes", 1, MANY, "NUMANode")],
    "NUMANode": [("ID", 1, ONE, INT)],
}  # fmt: skip


def _response():
    file = descriptor_pb2.FileDescriptorProto(
        name="podresources.proto", package="v1", syntax="proto3"
    )
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, label, kind in fields:
            of = {"type": TEXT} if kind is None else {"type": INT}
            if isinstance(kind, str):
                of = {"type": MESSAGE, "type_name": f".v1.{kind}"}
            message.field.add(name=field, number=number, label=label, **of)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("v1.ListPodResourcesResponse")
    return message_factory.GetMessageClass(found)


Response = _response()


def pod(namespace, name, container, resource, devices):
    """One pod with one container and its devices, and the numbers a kubelet sends beside them."""
    given = {
        "resource_name": resource, "device_ids": devices, "topology": {"nodes": [{"ID": 1}]},
    }  # fmt: skip
    return {
        "name": name, "namespace": namespace,
        "containers": [{"name": container, "cpu_ids": [1, 300], "devices": [given]}],
    }  # fmt: skip


class Kubelet:
    """What it answers can be changed; `error` makes it refuse."""

    def __init__(self):
        self.pods = []
        self.error = None
        self.asked = 0
        self.wait = None

    def list(self, request, context):
        self.asked += 1
        assert b"" == request
        if self.wait is not None:
            self.wait.wait(30)
        if self.error is not None:
            context.abort(*self.error)
        return Response(pod_resources=self.pods).SerializeToString()


@contextmanager
def serving(path, kubelet):
    """Serve on a socket."""
    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(kubelet.list)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("v1.PodResourcesLister", {"List": handler})]
    )
    server.add_insecure_port(f"unix:{path}")
    server.start()
    try:
        yield kubelet
    finally:
        server.stop(0).wait()
