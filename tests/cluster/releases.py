"""A release on the cluster: installed, changed, and looked at."""

from cluster.api import MERGED
from helm.charts import options
from waiting import await_that

WORKLOADS = ("daemonsets", "deployments", "statefulsets")
SETTLE_S = 60.0


class Release:
    """Called `t` in a namespace of its own; to be entered, so that it goes."""

    def __init__(self, plane, namespace):
        self.plane, self.namespace, self.api = plane, namespace, plane.admin
        self.core = f"/api/v1/namespaces/{namespace}"
        self.apps = f"/apis/apps/v1/namespaces/{namespace}"
        self.batch = f"/apis/batch/v1/namespaces/{namespace}"

    def __enter__(self):
        self.api.good("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        # What every namespace is given, a moment later, is not the release's.
        given = (f"{self.core}/serviceaccounts/default", f"{self.core}/configmaps/kube-root-ca.crt")
        await_that(lambda: all(self.api.call("GET", path).status == 200 for path in given), SETTLE_S, "the namespace")  # fmt: skip
        return self

    def __exit__(self, *failure):
        self.helm("uninstall", "t", "--ignore-not-found")
        self.api.good("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def helm(self, *words):
        """Run helm in the namespace; its answer as it ended."""
        return self.plane.helm("--namespace", self.namespace, *words)

    def words(self, verb, name, *more):
        """Of an installation or upgrade that waits: one of `RELEASES` with further `key=JSON`."""
        pairs = [word for pair in more for word in ("--set-json", pair)]
        return (verb, "t", ".", "--wait", "--timeout", "60s", *options(name), *pairs)

    def install(self, name, *more):
        """It is up, or the test fails with what helm said."""
        self._good(self.helm(*self.words("install", name, *more)))

    def upgrade(self, name, *more):
        """Likewise."""
        self._good(self.helm(*self.words("upgrade", name, *more)))

    def pods(self, part=None):
        """Those that are not on their way out; of one part, or all."""
        query = {"labelSelector": f"app.kubernetes.io/component={part}"} if part else {}
        found = self.api.items(f"{self.core}/pods", **query)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, part):
        """Pods of a part that are ready."""
        return [
            pod for pod in self.pods(part)
            if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        ]  # fmt: skip

    def identities(self):
        """Part -> {uid} of its pods; jobs are not looked at."""
        found = {}
        for pod in self.pods():
            if pod["metadata"]["ownerReferences"][0]["kind"] != "Job":
                part = pod["metadata"]["labels"]["app.kubernetes.io/component"]
                found.setdefault(part, set()).add(pod["metadata"]["uid"])
        return found

    def settled(self):
        """Wait until every workload has what it wants: `--wait` ends earlier, when nearly all pods are ready."""
        await_that(self._has_what_it_wants, SETTLE_S, "all pods to be there")

    def _good(self, said):
        """Or the test fails with helm's words, which do not tell what it waited for, and with what was missing."""
        assert said.returncode == 0, f"{said.stderr}\n{self._missing()}"

    def _missing(self):
        pods = [(p["metadata"]["name"], p["metadata"].get("deletionTimestamp"), p["spec"].get("nodeName"), p["status"]) for p in self.api.items(f"{self.core}/pods")]  # fmt: skip
        jobs = [(j["metadata"]["name"], j["status"]) for j in self.api.items(f"{self.batch}/jobs")]
        claims = [(c["metadata"]["name"], c["status"]) for c in self.api.items(f"{self.core}/persistentvolumeclaims")]  # fmt: skip
        up = ("Running", "Succeeded")
        return {
            "jobs": jobs, "pods": [p for p in pods if p[3]["phase"] not in up],
            "not whole": [w["metadata"]["name"] for kind in WORKLOADS for w in self.api.items(f"{self.apps}/{kind}") if not _whole(w)],
            "claims": [c for c in claims if c[1]["phase"] != "Bound"],
        }  # fmt: skip

    def _has_what_it_wants(self):
        return all(_whole(w) for kind in WORKLOADS for w in self.api.items(f"{self.apps}/{kind}"))

    def generations(self):
        """(kind, name) -> how often what is wanted of it has changed."""
        return {
            (kind, w["metadata"]["name"]): w["metadata"]["generation"]
            for kind in WORKLOADS for w in self.api.items(f"{self.apps}/{kind}")
        }  # fmt: skip

    def objects(self):
        """Everything here and of the whole cluster, as (kind, name)."""
        return self.api.everything(self.namespace)

    def fail(self, pod):
        """What no played node does: a pod whose program ended with an error."""
        path = f"{self.core}/pods/{pod['metadata']['name']}/status"
        self.api.good("PATCH", path, {"status": {"phase": "Failed"}}, MERGED)


def _whole(workload):
    """Its controller has seen it, and every pod is new and has been ready for as long as is asked for."""
    status, spec = workload["status"], workload["spec"]
    if status.get("observedGeneration") != workload["metadata"]["generation"]:
        return False
    if "desiredNumberScheduled" in status:
        found = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
        return (status["desiredNumberScheduled"],) * 2 == found
    return (spec["replicas"],) * 2 == (status.get("updatedReplicas", 0), status.get("availableReplicas", 0))  # fmt: skip
