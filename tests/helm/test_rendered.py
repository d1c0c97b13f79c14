"""What every release has in common, whatever its values: pods that may nothing, secrets by reference, flows by name."""

import pytest
from helm.charts import RELEASES, containers, of_kind, options, pods, rendered
from helm.charts import helm as run

pytestmark = pytest.mark.cluster
EVERY = pytest.mark.parametrize("release", RELEASES)
OWNS_THE_SPOOL = "t-coldplate-agent/own-the-spool"


@EVERY
def test_lint_has_nothing_to_say(release):
    """`helm lint --strict` on every values file."""
    said = run("lint", "--strict", ".", *options(release))
    assert said.returncode == 0, said.stdout
    assert "[WARNING]" not in said.stdout


@EVERY
def test_no_container_may_more_than_it_needs(release):
    """No privilege, no capability, a root that cannot be written, the runtime's seccomp profile."""
    for who, container, pod in containers(rendered(release)):
        security = container["securityContext"]
        assert security["privileged"] is False, who
        assert security["allowPrivilegeEscalation"] is False, who
        assert security["readOnlyRootFilesystem"] is True, who
        assert ["ALL"] == security["capabilities"]["drop"], who
        added = security["capabilities"].get("add", [])
        assert added == (["CHOWN"] if who == OWNS_THE_SPOOL else []), who
        assert "RuntimeDefault" == pod["securityContext"]["seccompProfile"]["type"], who


@EVERY
def test_nobody_is_root_but_where_it_is_said(release):
    """The init container that gives the spool to the agent, and an agent whose values ask for it."""
    docs = rendered(release)
    roots = {
        who for who, container, pod in containers(docs)
        if not {**pod["securityContext"], **container["securityContext"]}.get("runAsNonRoot")
    }  # fmt: skip
    expected = {OWNS_THE_SPOOL, "t-coldplate-agent/agent"} if release == "production" else {OWNS_THE_SPOOL}  # fmt: skip
    assert roots == (set() if release == "mtls" else expected)


@EVERY
def test_no_pod_shares_the_nodes_namespaces_or_speaks_to_the_api(release):
    """No host network, processes or ports, and no token of a ServiceAccount; no role is granted."""
    docs = rendered(release)
    for who, _metadata, pod in pods(docs):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), who
        assert pod["automountServiceAccountToken"] is False, who
    for _who, container, _pod in containers(docs):
        assert not [p for p in container.get("ports", []) if "hostPort" in p]
    assert [] == of_kind(docs, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
    accounts = {a["metadata"]["name"]: a for a in of_kind(docs, "ServiceAccount")}
    assert {pod["serviceAccountName"] for _w, _m, pod in pods(docs)} == set(accounts)
    assert [] == [n for n, a in accounts.items() if a["automountServiceAccountToken"] is not False]


@EVERY
def test_the_node_lends_nothing_but_the_spool(release):
    """Folders of the node are the agent's alone, and the kubelet's socket is read-only."""
    allowed = {"/var/lib/coldplate", "/var/lib/kubelet/pod-resources", "/dev/null"}
    for who, _metadata, pod in pods(rendered(release)):
        lent = {v["hostPath"]["path"] for v in pod["volumes"] if "hostPath" in v}
        assert lent <= (allowed if who.endswith("-agent") else set()), who
        for container in pod["containers"]:
            for mount in container["volumeMounts"]:
                assert mount.get("readOnly") or mount["name"] in {"tmp", "spool", "state", "data", "scratch"}  # fmt: skip


@EVERY
def test_every_container_has_limits_and_every_one_that_stays_has_probes(release):
    """Processor, memory and disk are asked for and bounded; jobs end and are not probed."""
    docs = rendered(release)
    jobs = {d["metadata"]["name"] for d in of_kind(docs, "Job")}
    for who, container, pod in containers(docs):
        for side in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} == set(container["resources"][side]), who
        if who.partition("/")[0] not in jobs and container in pod["containers"]:
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container), who
    for who, _metadata, pod in pods(docs):
        assert pod["terminationGracePeriodSeconds"] >= 30, who
        assert [] == [v["name"] for v in pod["volumes"] if "emptyDir" in v and not v["emptyDir"].get("sizeLimit")]  # fmt: skip


@EVERY
def test_secrets_are_named_and_mounted_and_never_in_the_environment(release):
    """No manifest is a Secret or holds one; no variable comes from one; mounts of them are read-only."""
    docs = rendered(release)
    assert [] == of_kind(docs, "Secret")
    for who, container, _pod in containers(docs):
        assert "envFrom" not in container, who
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            assert "secretKeyRef" not in source, (who, variable["name"])
            assert "PASSWORD" not in variable["name"], who
    for doc in of_kind(docs, "ConfigMap"):
        toml = doc["data"].get("coldplate.toml", "")
        assert "password =" not in toml
        assert "@" not in toml.replace("_owner@", "").replace("_writer@", "").replace("_reader@", "").replace("coldplate@", "")  # fmt: skip


@EVERY
def test_every_pod_and_service_is_behind_a_policy_and_every_flow_is_told(release):
    """All is denied; each part has policies of its own, named after it, that say in words what passes."""
    docs = rendered(release)
    policies = of_kind(docs, "NetworkPolicy")
    deny = next(p for p in policies if p["metadata"]["name"] == "t-coldplate-deny-all")
    assert ["Ingress", "Egress"] == deny["spec"]["policyTypes"]
    assert not {"ingress", "egress"} & set(deny["spec"])
    everyone = deny["spec"]["podSelector"]["matchLabels"]
    for who, metadata, _pod in pods(docs):
        assert everyone.items() <= metadata["labels"].items(), who
        own = [p for p in policies if p is not deny and p["spec"]["podSelector"]["matchLabels"].items() <= metadata["labels"].items()]  # fmt: skip
        assert own, who
    for policy in policies:
        assert policy["metadata"]["annotations"]["coldplate/flow"]
        for direction in ("ingress", "egress"):
            assert all(rule.get("ports") for rule in policy["spec"].get(direction, [])), policy["metadata"]["name"]  # fmt: skip
    for service in of_kind(docs, "Service"):
        selector = service["spec"]["selector"]
        assert "ClusterIP" == service["spec"]["type"]
        assert [p for p in policies if p["spec"]["podSelector"]["matchLabels"].items() <= selector.items()]  # fmt: skip


@EVERY
def test_every_part_that_serves_others_survives_an_eviction_of_one(release):
    """A budget of one for each Deployment and StatefulSet of ours, never one that blocks a drain for good."""
    docs = rendered(release)
    budgets = {b["metadata"]["name"]: b["spec"] for b in of_kind(docs, "PodDisruptionBudget")}
    ours = {
        d["metadata"]["name"] for d in of_kind(docs, "Deployment", "StatefulSet")
        if not d["metadata"]["name"].endswith(("-kafka", "-clickhouse"))
    }  # fmt: skip
    assert ours == set(budgets)
    assert {(1, "AlwaysAllow")} == {(b["maxUnavailable"], b["unhealthyPodEvictionPolicy"]) for b in budgets.values()}  # fmt: skip


@EVERY
def test_names_fit_and_no_two_objects_are_one(release):
    """An object is rendered once, and its name is one that DNS takes."""
    docs = rendered(release)
    keys = [(d["kind"], d["metadata"]["name"]) for d in docs]
    assert len(set(keys)) == len(keys)
    assert [] == [name for _kind, name in keys if len(name) > 63]
    assert {"coldplate"} == {d["metadata"].get("namespace", "coldplate") for d in docs}
