"""Values that cannot work are refused before anything is installed, and the message says what to do."""

import pytest
from helm.charts import KUBERNETES, SERVERS, helm

pytestmark = pytest.mark.cluster

PLANT = {"id": "row-a", "devices": {"configMap": "list"}, "bmc": {"cidrs": ["10.0.0.0/24"]}}
ALERTS = {"enabled": True, "file": {"configMap": "alerts"}}
UNKNOWN = {
    "at the top": ({"workers": {"replicas": 2}}, "additional properties 'workers' not allowed"),
    "in a part": ({"worker": {"replica": 2}}, "additional properties 'replica' not allowed"),
    "of the program": ({"agent": {"config": {"tick_s": 1}}}, "additional properties 'tick_s' not allowed"),
    "deep in the program": ({"agent": {"config": {"nvml": {"slow": 1}}}}, "additional properties 'slow' not allowed"),
    "that the chart decides": ({"sink": {"config": {"group": "mine"}}}, "additional properties 'group' not allowed"),
    "in resources": ({"web": {"resources": {"requests": {"gpu": 1}, "limits": {}}}}, "additional properties 'gpu' not allowed"),
}  # fmt: skip
WRONG = {
    "a word for a number": ({"worker": {"replicas": "two"}}, "got string, want integer"),
    "no worker": ({"worker": {"replicas": 0}}, "minimum: got 0, want 1"),
    "a protocol": ({"kafka": {"securityProtocol": "TLS"}}, "value must be one of 'SASL_SSL', 'SSL', 'SASL_PLAINTEXT', 'PLAINTEXT'"),
    "brokers with a scheme": ({"kafka": {"brokers": "kafka://k:9092"}}, "'kafka://k:9092' does not match pattern"),
    "brokers without a port": ({"kafka": {"brokers": "kafka.example.com"}}, "does not match pattern"),
    "a host with a port": ({"clickhouse": {"host": "ch:9440"}}, "'ch:9440' does not match pattern"),
    "a tag for a digest": ({"image": {"digest": "1.2.3"}}, "'1.2.3' does not match pattern"),
    "ticks out of range": ({"agent": {"config": {"ticks": 600}}}, "maximum: got 600, want 60"),
    "percent of percent": ({"agent": {"maxUnavailable": "110%"}}, "'110%' does not match pattern"),
    "an inventory of another form": ({"inventory": {"configMap": "x", "key": "inventory.yaml"}}, "does not match pattern"),
    "a memory that is none": ({"sink": {"resources": {"requests": {"cpu": "1", "memory": "lots", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "1Gi"}}}}, "'lots' does not match pattern"),
    "a plant without its network": ({"plants": [{"id": "row-a", "devices": {"configMap": "list"}}]}, "missing property 'bmc'"),
    "a plant that reaches nothing": ({"plants": [{**PLANT, "bmc": {"cidrs": []}}]}, "minItems: got 0, want 1"),
    "a retention of no day": ({"retention": {"raw_days": 0}}, "minimum: got 0, want 1"),
    "a relative spool": ({"agent": {"spool": {"path": "spool"}}}, "'spool' does not match pattern"),
    "a grace that is too short": ({"worker": {"gracePeriodSeconds": 1}}, "minimum: got 1, want 10"),
}  # fmt: skip
IMPOSSIBLE = {
    "no Kafka": ({"kafka": {"brokers": ""}}, "kafka.brokers is empty: name the existing Kafka"),
    "two Kafkas": ({"trial": {"kafka": {"enabled": True}}}, "trial.kafka.enabled brings another"),
    "two ClickHouses": ({"trial": {"clickhouse": {"enabled": True}}}, "trial.clickhouse.enabled brings another"),
    "a trial with TLS": ({"kafka": {"brokers": ""}, "trial": {"kafka": {"enabled": True}}}, "set kafka.securityProtocol to PLAINTEXT (it is SASL_SSL)"),
    "a replica too many": ({"kafka": {"brokers": "", "securityProtocol": "PLAINTEXT"}, "trial": {"kafka": {"enabled": True}}}, "topics.replicas is 3, but trial.kafka is one broker"),
    "sinks without a history": ({"clickhouse": {"host": ""}}, "clickhouse.host is empty, and sink.enabled needs it"),
    "a migration of nothing": ({"clickhouse": {"host": ""}, "sink": {"enabled": False}, "web": {"enabled": False}}, "migrate.enabled needs it"),
    "more workers than partitions": ({"worker": {"replicas": 9}}, "worker.replicas is 9 and topics.partitions 8"),
    "more sinks than partitions": ({"sink": {"replicas": 12}}, "sink.replicas is 12 and topics.partitions 8"),
    "growth beyond the partitions": ({"worker": {"autoscale": {"enabled": True, "maxReplicas": 20}}}, "worker.autoscale.maxReplicas is 20 and topics.partitions 8"),
    "growth below the start": ({"sink": {"replicas": 3, "autoscale": {"enabled": True, "maxReplicas": 2}}}, "maxReplicas is 2, below sink.replicas (3)"),
    "one group for two": ({"sink": {"group": "coldplate-worker"}}, "each would read half of the records"),
    "pods without root": ({"agent": {"podResources": True}}, "agent.podResources needs agent.runAsRoot"),
    "a spool over the system": ({"agent": {"spool": {"path": "/var/lib"}}}, "agent.spool.path is /var/lib, a folder of the system"),
    "two inventories": ({"inventory": {"configMap": "a", "claim": "b"}}, "inventory names a and b: name one of"),
    "plants without an inventory": ({"plants": [PLANT]}, "plants are given and inventory is not"),
    "a plant twice": ({"plants": [PLANT, PLANT], "inventory": {"configMap": "a"}}, 'plants: id "row-a" stands twice'),
    "alerts for nobody": ({"alerts": {"enabled": True}}, "alerts.enabled without alerts.file.configMap"),
    "alerts to nowhere": ({"alerts": ALERTS, "networkPolicy": {"receivers": {"ports": []}}}, "alerts could go nowhere"),
    "a page for everybody": ({"web": {"token": {"secret": ""}}}, "anybody who reaches the page could look"),
    "a header of anybody": ({"web": {"proxy": {"header": "X-User"}}}, "anybody could send that header"),
    "an ingress for no name": ({"web": {"ingress": {"enabled": True}}}, "web.ingress.enabled without web.hosts"),
    "an ingress in the clear": ({"web": {"hosts": ["a.example"], "ingress": {"enabled": True}}}, "tokens would pass in the clear"),
    "an ingress before a wall": ({"web": {"hosts": ["a.example"], "ingress": {"enabled": True, "tlsSecret": "t"}}}, "the Ingress controller could not reach the page"),
    "certificates without TLS": ({"kafka": {"securityProtocol": "PLAINTEXT", "ca": {"secret": "ca"}}}, "kafka.ca.secret is given, but kafka is reached without TLS"),
    "a user without a secret": ({"kafka": {"users": {"sink": {"secret": ""}}}}, "kafka.users.sink.secret is empty: with SASL_SSL it must name a Secret"),
    "keys from two places": ({"signing": {"nodeKeys": {"secret": "a", "hostPath": "/etc/keys"}}}, "signing.nodeKeys names a secret and a hostPath"),
    "signatures that nobody knows": ({"signing": {"unsigned": "refuse"}}, "signing.clusterKey.secret is empty: nobody could tell"),
    "agents that nobody would believe": ({"signing": {"unsigned": "refuse", "clusterKey": {"secret": "a"}}}, "everything that agents send would be refused"),
    "plants that nobody would believe": ({"signing": {"unsigned": "refuse", "clusterKey": {"secret": "a"}, "nodeKeys": {"secret": "b"}}, "plants": [PLANT], "inventory": {"configMap": "a"}}, "everything that plants send would be refused"),
    "authorities without TLS": ({"monitoring": {"tls": {"clientCa": {"secret": "a"}}}}, "without a certificate of the parts' own there is no TLS"),
    "a Prometheus without a certificate": ({"monitoring": {"podMonitor": {"enabled": True}, "tls": {"secret": "a", "clientCa": {"secret": "b"}}}}, "Prometheus would be refused"),
    "a reader without a password": ({"clickhouse": {"users": {"reader": {"secret": ""}}}}, "clickhouse.users.reader.secret is empty"),
}  # fmt: skip
CASES = {**UNKNOWN, **WRONG, **IMPOSSIBLE}


def said(values):
    """What helm says of values laid over a release that would work."""
    base = {"kafka": {"brokers": SERVERS["kafka.brokers"]}, "clickhouse": {"host": SERVERS["clickhouse.host"]}}  # fmt: skip
    for section, inner in base.items():
        values = {**values, section: {**inner, **values.get(section, {})}}
    return helm("template", "t", ".", "--kube-version", KUBERNETES, "--values", "-", values=values)


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_a_message_that_says_why(case, record_property):
    """Nothing is rendered, and the place and the reason stand in what helm shows."""
    values, message = CASES[case]
    answer = said(values)
    record_property("message", answer.stderr)
    assert answer.returncode != 0
    assert answer.stdout == ""
    assert message in answer.stderr


def test_the_same_values_without_the_mistake_are_taken():
    """Refusals are of what is wrong and not of everything."""
    assert said({}).returncode == 0


def test_an_older_kubernetes_is_refused():
    """What the manifests use is there from 1.29 on."""
    pairs = [word for key, value in SERVERS.items() for word in ("--set", f"{key}={value}")]
    answer = helm("template", "t", ".", "--kube-version", "1.28.0", *pairs)
    assert answer.returncode != 0
    assert "requires kubeVersion: >=1.29.0-0" in answer.stderr
