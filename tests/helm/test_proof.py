"""Metrics over TLS and signed records: what pods are given for it, and that nobody gets the keys of another."""

import tomllib

import pytest
from helm.charts import RELEASES, named, of_kind, pods, rendered

from coldplate.console import config

pytestmark = pytest.mark.cluster
KINDS = {"agent": "DaemonSet", "worker": "StatefulSet", "sink": "StatefulSet"}
PLANT = '[{"id": "row-a", "devices": {"configMap": "l"}, "bmc": {"cidrs": ["10.0.0.0/24"]}}]'


def pod(docs, part):
    return named(docs, KINDS[part], part)["spec"]["template"]["spec"]


def toml(docs, part):
    return tomllib.loads(named(docs, "ConfigMap", part)["data"]["coldplate.toml"])


def secrets(pod):
    """Volume -> names of the Secrets in it."""
    out = {}
    for volume in pod["volumes"]:
        sources = [s["secret"]["name"] for s in volume.get("projected", {}).get("sources", []) if "secret" in s]  # fmt: skip
        if "secret" in volume:
            sources.append(volume["secret"]["secretName"])
        out[volume["name"]] = sources
    return out


def schemes(pod):
    (container,) = pod["containers"]
    return {container[p]["httpGet"].get("scheme", "HTTP") for p in ("startupProbe", "livenessProbe", "readinessProbe")}  # fmt: skip


def test_metrics_are_over_tls_where_a_certificate_is_named():
    """Part, probes and Prometheus agree; who may read them shows a certificate."""
    docs = rendered("mtls")
    for part in KINDS:
        local = toml(docs, part)[part]["local"]
        assert ("/etc/coldplate/metrics/tls.crt", "/etc/coldplate/metrics/client-ca.crt") == (local["cert_file"], local["client_ca_file"])  # fmt: skip
        assert {"HTTPS"} == schemes(pod(docs, part))
        assert ["coldplate-metrics", "prometheus-ca"] == secrets(pod(docs, part))["metrics-tls"]
    for monitor in of_kind(docs, "PodMonitor"):
        (end,) = monitor["spec"]["podMetricsEndpoints"]
        assert ("https", "coldplate-metrics") == (end["scheme"], end["tlsConfig"]["serverName"])
        assert "prometheus-client" == end["tlsConfig"]["keySecret"]["name"]


@pytest.mark.parametrize("release", RELEASES)
def test_probes_and_monitors_speak_as_the_part_does(release):
    """No part is asked in the clear that speaks TLS alone, or the other way round."""
    docs = rendered(release)
    for part in KINDS:
        local = toml(docs, part)[part]["local"]
        assert {"HTTPS" if "cert_file" in local else "HTTP"} == schemes(pod(docs, part))
        for monitor in of_kind(docs, "PodMonitor"):
            (end,) = monitor["spec"]["podMetricsEndpoints"]
            assert ("cert_file" in local) == (end.get("scheme") == "https")


def test_agents_sign_and_those_who_read_look_at_it(tmp_path):
    """Each by a file that is mounted; the program takes the configuration."""
    docs = rendered("mtls")
    assert {"keys_file": "/etc/coldplate/signing/node.keys"} == toml(docs, "agent")["signing"]
    for part in ("worker", "sink"):
        path = tmp_path / part
        path.write_text(named(docs, "ConfigMap", part)["data"]["coldplate.toml"])
        signing = config.load(str(path), {}).signing
        assert ("/etc/coldplate/signing/cluster.key", "refuse") == (signing.cluster_key_file, signing.unsigned)  # fmt: skip
    assert ["coldplate-node-keys"] == secrets(pod(docs, "agent"))["signing"]
    assert ["coldplate-cluster-key"] == secrets(pod(docs, "sink"))["signing"]


def test_the_clusters_key_is_with_nobody_but_who_needs_it():
    """An agent, a plant, the web page and the hooks never see it."""
    docs = rendered("mtls", 'inventory={"configMap": "i"}', f"plants={PLANT}", 'signing.plantKeys={"secret": "plant-keys"}')  # fmt: skip
    having = {who for who, _m, p in pods(docs) for names in secrets(p).values() if "coldplate-cluster-key" in names}  # fmt: skip
    assert {"t-coldplate-worker", "t-coldplate-sink"} <= having
    assert not [w for w in having if w.split("t-coldplate-")[1].startswith(("agent", "plant", "web", "topics", "migrate"))]  # fmt: skip
    (plant,) = [p for who, _m, p in pods(docs) if who == "t-coldplate-plant-row-a"]
    assert ["plant-keys"] == secrets(plant)["signing"]


def test_a_nodes_own_key_may_come_with_the_node():
    """A folder of the node, read-only, in the place of a Secret with everybody's."""
    docs = rendered("default", 'signing.nodeKeys={"hostPath": "/etc/coldplate-keys", "key": "node.keys"}')  # fmt: skip
    agent = pod(docs, "agent")
    (volume,) = [v for v in agent["volumes"] if v["name"] == "signing"]
    assert {"path": "/etc/coldplate-keys", "type": "Directory"} == volume["hostPath"]
    (mount,) = [m for m in agent["containers"][0]["volumeMounts"] if m["name"] == "signing"]
    assert mount["readOnly"] is True


def test_without_values_for_it_nothing_is_signed_and_nothing_mounted():
    """As before."""
    docs = rendered("default")
    for part in KINDS:
        assert not {"signing", "metrics-tls"} & set(secrets(pod(docs, part)))
        assert "signing" not in toml(docs, part)
