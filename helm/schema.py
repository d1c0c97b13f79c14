"""What the chart's values are: their keys, types, bounds and meanings.

values.schema.json and the table in the chart's README are made from it (generate.py). What no schema can say, because it
compares two values, is said by `templates/_checks.tpl`.
"""

from configured import configured
from words import (
    CIDR,
    DIGEST,
    PERCENT_OR_COUNT,
    SECRET_NAME,
    Piece,
    choice,
    flag,
    group,
    in_one_row,
    needing,
    pairs,
    peers,
    placing,
    ports,
    resources,
    secret,
    several,
    storage,
    text,
    whole,
)

BROKERS = r"^$|^[^\s,:/]+:[0-9]{1,5}(,[^\s,:/]+:[0-9]{1,5})*$"
HOST = r"^[^\s:/@]*$"
ID = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
GRACE = "seconds that it has to end in good order; it needs {}"


def values() -> Piece:
    """The whole schema."""
    out = group(
        nameOverride=text("instead of the chart's name in the names of objects", r"^[a-z0-9-]{0,53}$"),
        fullnameOverride=text("instead of release and chart in the names of objects", r"^[a-z0-9-]{0,40}$"),
        cluster=text("cluster id, in every record; records of another cluster are refused", ID),
        topicPrefix=text("first part of every topic's name", ID),
        inventory=_inventory(), retention=configured("retention", "days that the history keeps what; set by the migration"),
        logFormat=choice("of what parts log", "text", "json"),
        logLevel=choice("what is less than this is not logged", "error", "warning", "info", "debug"),
        image=group(
            **_image("of all parts but the agent"),
            pullPolicy=choice("as in a container", "Always", "IfNotPresent", "Never"),
            pullSecrets=several("names of Secrets for the registry", text("a Secret", SECRET_NAME, filled=True)),
        ),
        kafka=_kafka(), clickhouse=_clickhouse(), signing=_signing(), topics=_topics(),
        migrate=group(enabled=flag("whether a hook brings the schema up to date before an installation and an upgrade")),
        jobs=_jobs(), agent=_agent(), plants=several("rows or halls whose coolant units are read", _a_plant()), plant=_plant(),
        worker=_worker(), clusterDetector=_cluster_detector(), sink=_sink(), alerts=_alerts(), web=_web(), networkPolicy=_network(),
        monitoring=_monitoring(), dashboards=_dashboards(),
        podDisruptionBudget=group(enabled=flag("whether at most one pod of a part is evicted at a time; never blocks a drain for good")),
        priorityClass=group(
            create=flag("whether the chart makes a PriorityClass that preempts nobody"),
            name=text("an existing one to use; with `create` the name of what is made, empty: namespace and release", SECRET_NAME),
            value=whole("of the one that is made", -1_000_000_000, 1_000_000_000),
        ),
        topologySpread=group(
            enabled=flag("whether pods of a part are spread"), key=text("label of nodes over whose values", filled=True)
        ),
        trial=_trial(),
        **{"global": {"type": "object", "additionalProperties": False, "properties": {}, "$comment": "Helm's own"}},
    )  # fmt: skip
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of coldplate",
        **out,
    }


def _image(whose: str) -> dict[str, Piece]:
    return {
        "registry": text(f"registry {whose}; empty: the container engine's default", r"^[^\s]*[^\s/]$|^$"),
        "repository": text(f"repository {whose}", filled=True),
        "tag": text("its tag; empty: the chart's appVersion"),
        "digest": text("`sha256:...`; wins over the tag, and cannot be moved", DIGEST),
    }  # fmt: skip


def _inventory() -> Piece:
    name = "that holds the inventory; at most one of the three is named"
    return group(
        configMap=text(f"ConfigMap {name}; up to 1 MiB", SECRET_NAME), secret=text(f"Secret {name}", SECRET_NAME),
        claim=text(f"PersistentVolumeClaim {name}; read-only by many, for files beyond 1 MiB", SECRET_NAME),
        key=text("its key or file; ends in `.csv` or `.toml`", r"^[^/]+\.(csv|toml)$"),
    )  # fmt: skip


def _kafka() -> Piece:
    def user(who: str, may: str) -> Piece:
        return in_one_row(group(
            f"{who}: {may}", name=text("name for SASL"), secret=text("Secret that proves it", SECRET_NAME),
            passwordKey=text("key of the password, with SASL", filled=True),
            certKey=text("key of the certificate, with SSL", filled=True), keyKey=text("key of its key, with SSL", filled=True),
        ))  # fmt: skip

    return group(
        brokers=text("`host:port[,host:port]` of the existing Kafka", BROKERS),
        securityProtocol=choice("how it is reached; PLAINTEXT only when written here", "SASL_SSL", "SSL", "SASL_PLAINTEXT", "PLAINTEXT"),
        saslMechanism=choice("with SASL", "SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        compression=choice("of what agents send", "zstd", "lz4", "none"),
        ca=secret("certificates to trust; without a Secret those of the image", key=text("its key", filled=True)),
        users=group(
            agent=user("agents", "write frames and events"), plant=user("plant agents", "write frames and events, read and write the lease"),
            worker=user("workers", "read frames, events, incidents, findings, baselines; write anomalies, incidents, findings, racks, baselines, rejects"),
            cluster=user("the cluster detector", "read findings, racks, incidents; write incidents and anomalies"),
            sink=user("sinks", "read everything but rejects, racks and the lease; write events"),
            alerts=user("the alerter", "read and write incidents and actions, look at the ends of frames"),
            topics=user("the hook", "create topics"),
        ),
    )  # fmt: skip


def _clickhouse() -> Piece:
    def user(may: str) -> Piece:
        return in_one_row(group(
            may, name=text("its name", r"^[A-Za-z_][A-Za-z0-9_.-]*$"), secret=text("Secret of its password", SECRET_NAME),
            passwordKey=text("its key", filled=True),
        ))  # fmt: skip

    return group(
        host=text("of the existing ClickHouse; its native protocol, not HTTP", HOST), port=whole("0: 9440 with TLS, 9000 without", 0, 65_535),
        database=text("must exist", r"^[A-Za-z_][A-Za-z0-9_]*$"), secure=flag("TLS"),
        cluster=text("name of the servers' cluster, for replicated and distributed tables; empty: one server", r"^([A-Za-z_][A-Za-z0-9_]*)?$"),
        ca=secret("certificates to trust; without a Secret those of the image", key=text("its key", filled=True)),
        users=group(owner=user("the migration's: owns the tables"), writer=user("the sinks': inserts and reads"), reader=user("of workers, alerter and web page: reads")),
    )  # fmt: skip


def _signing() -> Piece:
    return group(
        unsigned=choice("records without a signature: `accept` while keys are handed out, then `refuse`", "accept", "refuse"),
        clusterKey=_named("Secret of the cluster's key (`coldplate keys new`), for worker, sink and alerter alone; empty: no signature is looked at"),
        nodeKeys=group(
            secret=text("Secret of the nodes' keys (`coldplate keys derive --inventory`), for every agent", SECRET_NAME),
            key=text("its key, or the file's name in `hostPath`", filled=True),
            hostPath=text("instead: folder of the node with its own key alone, which group 10401 may read", r"^$|^(/[^/\s]+)+$"),
        ),
        plantKeys=_named("Secret of the coolant units' keys, for the plants' agents"),
    )  # fmt: skip


def _named(meaning: str) -> Piece:
    """A Secret and its key, where the first says all."""
    return group(secret=text(meaning, SECRET_NAME), key=text("its key", filled=True))


def _topics() -> Piece:
    return group(
        create=flag("whether a hook makes the topics that are missing; existing ones stay as they are"),
        partitions=whole("of the topics keyed by rack: at least as many as workers or sinks will ever share them, for it cannot be changed later", 1, 1_000),
        replicas=whole("brokers that hold each record; from 3 on a record is acknowledged by 2", 1, 9),
    )  # fmt: skip


def _jobs() -> Piece:
    where = placing()
    return group(
        deadlineSeconds=whole("how long a hook may take with all its tries", 30, 86_400), retries=whole("how often it is tried again", 0, 20),
        ttlSeconds=whole("after which a job of a trial is removed; hooks are removed at once when they are good", 0, 604_800),
        resources=resources("of the jobs"), nodeSelector=where["nodeSelector"], tolerations=where["tolerations"],
    )  # fmt: skip


def _agent() -> Piece:
    return group(
        enabled=flag("whether there is an agent on every GPU node"), image=group(**_image("of the agent")),
        runtimeClassName=text("the NVIDIA runtime's; empty: where it is the nodes' default"),
        gpuAccess=choice("how it sees all GPUs and takes none: `env` (NVIDIA_VISIBLE_DEVICES) or, where that is refused to pods without privilege, `volumeMounts`", "env", "volumeMounts"),
        runAsRoot=flag("as user 0, still without a capability; for runtimes that need it, and for podResources"),
        podResources=flag("whether the kubelet is asked which pod has which GPU; its socket is root's, so runAsRoot"),
        maxUnavailable={"type": ["string", "integer"], "pattern": PERCENT_OR_COUNT, "minimum": 1, "description": "nodes that are updated at a time"},
        spool=group(
            kind=choice("`hostPath` outlives the pod; `emptyDir` fits the Pod Security level `restricted`", "hostPath", "emptyDir"),
            path=text("folder on the node", r"^/[^:]*[^:/]$"),
            prepare=flag("whether an init container, root with CHOWN alone, gives the folder to the agent's user; without, the node's own configuration has to"),
            sizeMiB=whole("bound of what waits for Kafka; then the oldest goes and is counted", 1, 1_048_576),
        ),
        config=configured("agent", "section `[agent]` of docs/config.md, but for what the chart decides"),
        resources=resources("of an agent"), gracePeriodSeconds=whole(GRACE.format("10"), 10, 600), **placing(),
    )  # fmt: skip


def _a_plant() -> Piece:
    return needing("id devices bmc", group(
        id=text("name of the row or hall, part of names of objects", r"^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$"),
        devices=needing("configMap", group("the list of devices", configMap=text("ConfigMap of it and its register maps", SECRET_NAME, filled=True), key=text("of the list", r"^[^/]+\.toml$"))),
        secrets=several("Secrets whose keys lie beside the list, as files that it names", text("a Secret", SECRET_NAME, filled=True)),
        bmc=needing("cidrs", group("the only place beside Kafka that it may reach", cidrs={**several("networks", text("network", CIDR)), "minItems": 1}, ports=ports("TCP ports; default 443"))),
        replicas=whole("instead of plant.replicas", 1, 5),
    ))  # fmt: skip


def _plant() -> Piece:
    return group(
        replicas=whole("of each: one leads, the others stand by", 1, 5), spoolMiB=whole("bound of what waits for Kafka, in the pod's own folder", 1, 1_048_576),
        config=configured("agent", "section `[agent]` for all plants; [agent.plant], [agent.redfish] and [agent.modbus] matter"),
        resources=resources("of a plant agent, for some 300 coolant units"), gracePeriodSeconds=whole(GRACE.format("20"), 20, 600), **placing(),
    )  # fmt: skip


def _autoscale() -> Piece:
    return group(
        enabled=flag("whether KEDA sets the number of pods by the group's lag"), maxReplicas=whole("at most, never above topics.partitions", 1, 1_000),
        lagRecords=whole("records of lag that one pod is there for", 1, 10_000_000),
    )  # fmt: skip


def _worker() -> Piece:
    return group(
        enabled=flag("whether there are workers"), replicas=whole("of them, never above topics.partitions", 1, 1_000), group=text("consumer group", ID),
        parameters=group(configMap=text("ConfigMap of the detectors' parameters; empty: their own", SECRET_NAME), key=text("its key", r"^[^/]+\.toml$")),
        autoscale=_autoscale(), config=configured("worker", "section `[worker]` of docs/config.md, but for what the chart decides"),
        resources=resources("of a worker"), gracePeriodSeconds=whole(GRACE.format("10"), 10, 600), **placing(),
    )  # fmt: skip


def _cluster_detector() -> Piece:
    return group(
        replicas=whole("of them, where there is more than one worker; one is at work", 1, 5), group=text("consumer group", ID),
        config=configured("cluster_detector", "section `[cluster_detector]` of docs/config.md, but for what the chart decides"),
        resources=resources("of a cluster detector"), gracePeriodSeconds=whole(GRACE.format("5"), 5, 600), **placing(),
    )  # fmt: skip


def _sink() -> Piece:
    return group(
        enabled=flag("whether there are sinks"), replicas=whole("of them, never above topics.partitions", 1, 1_000), group=text("consumer group", ID),
        autoscale=_autoscale(), config=configured("sink", "section `[sink]` of docs/config.md, but for what the chart decides"),
        resources=resources("of a sink"), gracePeriodSeconds=whole(GRACE.format("10"), 10, 600), **placing(),
    )  # fmt: skip


def _alerts() -> Piece:
    letter = needing("secret keys", group(
        secret=text("name of the Secret", SECRET_NAME, filled=True),
        keys={**several("of it, each a file `secrets/KEY` beside the file", text("one", r"^[A-Za-z0-9._-]+$")), "minItems": 1},
    ))  # fmt: skip
    return group(
        enabled=flag("whether people are told"), file=group(configMap=text("ConfigMap of receivers and routes (docs/alerts.md)", SECRET_NAME), key=text("its key", r"^[^/]+\.toml$")),
        secrets=several("what receivers are proved to with", letter), storage=storage("disk for what waits to be sent"),
        config=configured("alerts", "section `[alerts]` of docs/config.md, but for what the chart decides"),
        resources=resources("of the alerter"), gracePeriodSeconds=whole(GRACE.format("15"), 15, 600), **placing(),
    )  # fmt: skip


def _web() -> Piece:
    return group(
        enabled=flag("whether there is the live hall's page"), replicas=whole("of it; a login holds on one of them", 1, 20),
        token=secret("who has it may look; at least 16 characters", key=text("its key", filled=True)),
        proxy=group(header=text("instead of a token: the header in which a proxy names who it has let in", r"^[A-Za-z0-9-]*$"), **{"from": several("networks of that proxy", text("network", CIDR))}),
        hosts=several("names by which it is reached", text("a name", r"^[A-Za-z0-9.-]+$")), tls=secret("certificate of its own (`tls.crt`, `tls.key`); empty: none"),
        ingress=group(enabled=flag("whether there is an Ingress for its hosts"), className=text("IngressClass"), annotations=pairs("of the Ingress"), tlsSecret=text("Secret of its certificate", SECRET_NAME)),
        config=configured("web", "section `[web]` of docs/config.md, but for what the chart decides"), resources=resources("of the page's server"), gracePeriodSeconds=whole(GRACE.format("10"), 10, 600), **placing(),
    )  # fmt: skip


def _network() -> Piece:
    def end(meaning: str) -> Piece:
        return group(peers=peers(f"{meaning}; empty: anywhere, on those ports"), ports=ports("TCP ports beside those that are configured"))  # fmt: skip

    return group(
        enabled=flag("whether everything is denied that is not named"), dns=group(peers=peers("who answers names")),
        kafka=end("where Kafka's brokers are"), clickhouse=end("where ClickHouse is"), prometheus=group(peers=peers("who may read metrics; empty: nobody")),
        webClients=group(peers=peers("who may reach the page; empty: nobody but this node")),
        receivers=group(peers=peers("where alerts may go"), ports=ports("TCP ports there")),
    )  # fmt: skip


def _monitoring() -> Piece:
    def monitor(what: str) -> dict[str, Piece]:
        return {"enabled": flag(what), "labels": pairs("by which Prometheus finds it"), "interval": text("between two readings", r"^[1-9][0-9]*(ms|s|m)$")}  # fmt: skip

    return group(
        podMonitor=group(**monitor("a PodMonitor for every part but the page")), serviceMonitor=group(**monitor("a ServiceMonitor for the page")),
        rules=group(
            enabled=flag("a PrometheusRule with alerts on the pipeline itself"), labels=pairs("by which Prometheus finds it"),
            sinkBehindSeconds=whole("age of the oldest record that is not stored, after which it alerts", 5, 86_400),
            workerBehindRecords=whole("records that workers have not read, after which it alerts", 1, 1_000_000_000),
        ),
        tls=group(
            secret=text("Secret of the certificate that every part but the page shows; empty: metrics without TLS", SECRET_NAME),
            certKey=text("key of the certificate", filled=True), keyKey=text("key of its key", filled=True),
            serverName=text("name in it, for Prometheus: pods have none of their own", r"^[A-Za-z0-9.-]+$"),
            ca=_named("Secret of the authority by which Prometheus checks it; empty: the system's"),
            clientCa=_named("Secret of the authority of those who may read metrics; empty: everybody whom the network policy lets in"),
            client=group(secret=text("Secret of Prometheus' own certificate, for the PodMonitor", SECRET_NAME), certKey=text("key of the certificate", filled=True), keyKey=text("key of its key", filled=True)),
        ),
    )  # fmt: skip


def _dashboards() -> Piece:
    return group(
        enabled=flag("ConfigMaps of the dashboards, for the sidecar of Grafana's chart"), label=text("by which the sidecar finds them", filled=True), folder=text("of Grafana"),
        datasource=group(enabled=flag("one more with the data source; its password is Grafana's own COLDPLATE_CLICKHOUSE_PASSWORD"), label=text("by which the sidecar finds it", filled=True)),
    )  # fmt: skip


def _trial() -> Piece:
    def server(what: str) -> Piece:
        return group(
            enabled=flag(f"a {what} of one node without replica and TLS"), image=text("its image", filled=True),
            storage=storage("its disk"), resources=resources("of it"),
        )  # fmt: skip

    return group(kafka=server("Kafka"), clickhouse=server("ClickHouse"))
