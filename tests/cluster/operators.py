"""What operators add to the API: their own definitions where their makers publish them as Go modules, and written here where not."""

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

TEXT = {"type": "string"}
WHOLE = {"type": "integer", "minimum": 1}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
OPERATION = {"enum": ["Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction", "AlterConfigs", "DescribeConfigs", "IdempotentWrite", "All"], **TEXT}  # fmt: skip


def record(required=(), **fields):
    """An object with these fields and no others."""
    return {"type": "object", "properties": fields, "required": list(required)} if required else {"type": "object", "properties": fields}  # fmt: skip


def many(items):
    """A list of what one schema says."""
    return {"type": "array", "items": items}


TOPIC = record(topicName=TEXT, partitions=WHOLE, replicas={**WHOLE, "maximum": 32767}, config=OPEN)
USER = record(
    authentication=record(("type",), type={"enum": ["tls", "tls-external", "scram-sha-512"], **TEXT}),
    authorization=record(
        ("type", "acls"),
        type={"enum": ["simple"], **TEXT},
        acls=many(
            record(
                ("resource",),
                type={"enum": ["allow", "deny"], **TEXT},
                resource=record(
                    ("type",),
                    type={"enum": ["topic", "group", "cluster", "transactionalId"], **TEXT},
                    name=TEXT,
                    patternType={"enum": ["literal", "prefix"], **TEXT},
                ),
                host=TEXT,
                operations=many(OPERATION),
            )
        ),
    ),
)  # fmt: skip
WRITTEN_HERE = (
    # After Strimzi's documented fields: these two are closed, a field that is mistyped is seen.
    ("kafka.strimzi.io", "v1", "KafkaTopic", TOPIC),
    ("kafka.strimzi.io", "v1", "KafkaUser", USER),
    # Of these only the shape is seen: an object with a `spec` that is one too.
    ("kafka.strimzi.io", "v1", "Kafka", OPEN),
    ("kafka.strimzi.io", "v1", "KafkaNodePool", OPEN),
    ("clickhouse.altinity.com", "v1", "ClickHouseInstallation", OPEN),
    ("clickhouse-keeper.altinity.com", "v1", "ClickHouseKeeperInstallation", OPEN),
)


def definitions(programs):
    """CustomResourceDefinitions, those of the Prometheus operator and of KEDA as they publish them."""
    for path in sorted((programs / "definitions").glob("*.yaml")):
        yield yaml.load(path.read_text("utf-8"), LOADER)
    for group, version, kind, spec in WRITTEN_HERE:
        plural = f"{kind.lower()}s"
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": record(("spec",), spec=spec)},
                    }
                ],
            },
        }
