"""Configuration: defaults, then the TOML file, then the environment; typed, and refused when wrong.

Environment names are `COLDPLATE_SECTION__KEY` (`COLDPLATE_KAFKA__SASL_USER`, `COLDPLATE_AGENT__LOCAL__PORT`), and two
short ones that most need: `COLDPLATE_KAFKA` (host:port[,host:port]) and `COLDPLATE_CLICKHOUSE`
(clickhouse://user:password@host:port/db). docs/config.md lists everything; a test holds it to this file.
"""

import logging
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from coldplate.agents.options.clock import MEANINGS as OF_CLOCK
from coldplate.agents.options.clock import Clock
from coldplate.agents.options.host import MEANINGS as OF_HOST
from coldplate.agents.options.host import Host
from coldplate.agents.options.jobs import MEANINGS as OF_JOBS
from coldplate.agents.options.jobs import Jobs
from coldplate.agents.options.kmsg import MEANINGS as OF_KMSG
from coldplate.agents.options.kmsg import Kmsg
from coldplate.agents.options.local import MEANINGS as OF_LOCAL
from coldplate.agents.options.local import Local
from coldplate.agents.options.modbus import MEANINGS as OF_MODBUS
from coldplate.agents.options.modbus import Modbus
from coldplate.agents.options.nvml import MEANINGS as OF_NVML
from coldplate.agents.options.nvml import Nvml
from coldplate.agents.options.plant import MEANINGS as OF_PLANT
from coldplate.agents.options.plant import Plant
from coldplate.agents.options.redfish import MEANINGS as OF_REDFISH
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.options.spool import MEANINGS as OF_SPOOL
from coldplate.agents.options.spool import Spool
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.vitals.options import MEANINGS as OF_PART
from coldplate.console.vitals.options import Local as PartLocal
from coldplate.dashboards.web.options import MEANINGS as OF_WEB
from coldplate.dashboards.web.options import Options as Web
from coldplate.wire.secret import FileSecret

log = logging.getLogger(__name__)


class Kafka(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How to reach Kafka."""

    brokers: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_user: str = ""
    sasl_password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    compression: Literal["none", "lz4", "zstd"] = "zstd"


class ClickHouse(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How to reach ClickHouse."""

    url: str = ""
    password_file: str = ""
    cluster: str = ""


class Log(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What parts that run log to stderr."""

    format: Literal["text", "json"] = "text"
    level: Literal["error", "warning", "info", "debug"] = "warning"


class Signing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether a record is its source's own."""

    keys_file: str = ""
    cluster_key_file: str = ""
    unsigned: Literal["accept", "refuse"] = "accept"


class Agent(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The node agent; a collector's options are a section of its own."""

    role: Literal["node", "plant"] = "node"
    node: str = ""
    rack: str = ""
    state_dir: str = ""
    tick_ms: Annotated[int, Meta(ge=100, le=60_000)] = 1000
    ticks: Annotated[int, Meta(ge=1, le=60)] = 5
    deadline_s: Annotated[float, Meta(gt=0, le=30)] = 0.5
    queue_bytes_max: Annotated[int, Meta(ge=1024)] = 64 * 1024 * 1024
    local: Local = Local()
    spool: Spool = Spool()
    nvml: Nvml = Nvml()
    redfish: Redfish = Redfish()
    jobs: Jobs = Jobs()
    host: Host = Host()
    clock: Clock = Clock()
    kmsg: Kmsg = Kmsg()
    modbus: Modbus = Modbus()
    plant: Plant = Plant()


class Worker(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The Faust worker."""

    group: str = "coldplate-worker"
    instance: str = ""
    parameters: str = ""
    tail_s: float = 120.0
    joined: bool = False
    local: PartLocal = PartLocal()


class ClusterDetector(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Makes incidents of what several workers found."""

    group: str = "coldplate-cluster"
    instance: str = ""
    local: PartLocal = PartLocal()


class Sink(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The sink."""

    group: str = "coldplate-sink"
    instance: str = ""
    flush_s: float = 2.0
    rollup_s: float = 60.0
    local: PartLocal = PartLocal()


class Alerts(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The alerter; receivers and routes have a file of their own."""

    file: str = ""
    state_dir: str = ""
    instance: str = "alerter"
    local: PartLocal = PartLocal()


Days = Annotated[int, Meta(ge=1, le=36_500)]


class Retention(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How long the history keeps what; `coldplate migrate` sets it."""

    raw_days: Days = 30
    tier_10s_days: Days = 90
    tier_1m_days: Days = 400
    tier_1h_days: Days = 3650


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything that can be configured."""

    cluster: str = "coldplate"
    topic_prefix: str = "coldplate"
    inventory: str = ""
    site: str = ""
    log: Log = Log()
    kafka: Kafka = Kafka()
    signing: Signing = Signing()
    clickhouse: ClickHouse = ClickHouse()
    agent: Agent = Agent()
    worker: Worker = Worker()
    cluster_detector: ClusterDetector = ClusterDetector()
    sink: Sink = Sink()
    alerts: Alerts = Alerts()
    web: Web = Web()
    retention: Retention = Retention()


SHORT = {"COLDPLATE_KAFKA": ("kafka", "brokers"), "COLDPLATE_CLICKHOUSE": ("clickhouse", "url")}

OTHER = {
    "COLDPLATE_CONFIG": "the configuration file",
    "COLDPLATE_STATE": "state folder of the local stack; default `~/.local/state/coldplate`",
    "COLDPLATE_CACHE": "where downloads are kept; default `~/.cache/coldplate`",
    "COLDPLATE_SHARED": "where the public labelled sets are; only tests read it",
}

MEANINGS = {
    "cluster": "cluster id, in every record; records of another cluster are refused",
    "topic_prefix": "first part of every topic's name",
    "inventory": "file with the devices (CSV or TOML); empty: all comers",
    "site": "file with the plan of a bring-up (TOML, [plan], see board.md); empty: the estimates there",
    "log.format": "of what parts that run log to stderr: `text`, or `json`, an object a line",
    "log.level": "what is less than this is not logged; `-v` asks for `info`",
    "kafka.brokers": "`host:port[,host:port]`; empty: the local stack's",
    "kafka.security_protocol": "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    "kafka.sasl_mechanism": "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
    "kafka.sasl_user": "name for SASL",
    "kafka.sasl_password_file": "file that holds the password, and nothing else",
    "kafka.ca_file": "certificates to trust; empty: the system's",
    "kafka.cert_file": "own certificate, for mutual TLS",
    "kafka.key_file": "its key",
    "kafka.compression": "of what agents send: none, lz4 or zstd",
    "signing.keys_file": "of an agent: file with lines `SOURCE KEY`, as `coldplate keys derive` prints them; empty: what it sends is not signed",
    "signing.cluster_key_file": "of worker, sink and alerter: file with the cluster's key, as `coldplate keys new` prints it; empty: no signature is looked at",
    "signing.unsigned": "records without a signature, where there is a cluster's key: `accept` while keys are rolled out, then `refuse`",
    "clickhouse.url": "`clickhouse://user@host:port/database?secure=1`; empty: the local stack's",
    "clickhouse.password_file": "file that holds the password, and nothing else",
    "clickhouse.cluster": "name of the servers' cluster, for replicated and distributed tables; empty: one server",
    "agent.role": "`node` (GPUs and the machine around them) or `plant` (CDUs and plant points)",
    "agent.node": "id of this node; empty: found in the inventory by the machine's name, otherwise that name",
    "agent.rack": "id of its rack; empty: from the inventory, otherwise the node's id before the first `/`",
    "agent.state_dir": "where it keeps its spool and what it must remember; empty: `$STATE_DIRECTORY`, as root `/var/lib/coldplate`, otherwise `~/.local/state/coldplate/agent`",
    "agent.tick_ms": "length of a tick, 100 to 60000",
    "agent.deadline_s": "how long a tick waits for collectors; who is later is absent from it",
    "agent.ticks": "ticks of an ordinary frame, 1 to 60",
    "agent.queue_bytes_max": "bytes that wait for Kafka at most; beyond it the oldest are dropped and counted",
    "worker.group": "consumer group; workers of one group share the partitions",
    "worker.instance": "static membership: a restart under the same name within 15 s moves no partition",
    "worker.parameters": "file with the detectors' parameters (TOML), see docs/detectors.md; empty: their own",
    "worker.tail_s": "seconds of frames read again at start",
    "worker.joined": "what workers find goes to `coldplate cluster-detector`, which makes incidents of it; for more than one worker",
    "cluster_detector.group": "consumer group; one of it is at work, others stand by",
    "cluster_detector.instance": "static membership: a restart under the same name within 15 s is no change of who is at work",
    "sink.group": "consumer group; sinks of one group share the partitions",
    "sink.instance": "static membership: a restart under the same name within 10 s moves no partition",
    "sink.flush_s": "how long rows wait for company before they are inserted; incidents and what people do wait 0.3 s at most",
    "sink.rollup_s": "how long samples wait for others before their rollups are made: so late rollups are, and so much is read again after a crash; 0 makes "
    "them of every batch. 120 for 10,000 GPUs and more",
    "alerts.file": "receivers and routes (TOML), see docs/alerts.md; empty: nobody is told",
    "alerts.state_dir": "where the alerter keeps what it has to send; empty: `$STATE_DIRECTORY`, otherwise `alerts` in the state folder of the local stack",
    "alerts.instance": "name of this alerter in what it writes down",
    "retention.raw_days": "days for which samples are kept; `coldplate migrate` sets these four",
    "retention.tier_10s_days": "days for which there are rollups of 10 s: they are made of the samples, which are kept so long at least",
    "retention.tier_1m_days": "days for which rollups of a minute are kept",
    "retention.tier_1h_days": "days for which rollups of an hour are kept",
}
"""Of every key; docs/config.md is made from it."""

_OF_AGENT = {
    "local": OF_LOCAL,
    "spool": OF_SPOOL,
    "nvml": OF_NVML,
    "redfish": OF_REDFISH,
    "jobs": OF_JOBS,
    "host": OF_HOST,
    "clock": OF_CLOCK,
    "kmsg": OF_KMSG,
    "modbus": OF_MODBUS,
    "plant": OF_PLANT,
}
for _section, _meanings in _OF_AGENT.items():
    MEANINGS |= {f"agent.{_section}.{_key}": _text for _key, _text in _meanings.items()}
MEANINGS |= {f"web.{_key}": _text for _key, _text in OF_WEB.items()}
for _section in ("worker", "cluster_detector", "sink", "alerts"):
    MEANINGS |= {f"{_section}.local.{_key}": _text for _key, _text in OF_PART.items()}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key that can be configured.

    Parameters
    ----------
    key
        As in the file, sections before it: `agent.local.port`.
    variables
        Of the environment; the last that is set wins.
    default, meaning
        For a person.
    """

    key: str
    variables: tuple[str, ...]
    default: Any
    meaning: str


def settings(struct: type[msgspec.Struct] = Config, prefix: str = "") -> Iterator[Setting]:
    """Every key, in the order of the file's sections."""
    short = {".".join(path): name for name, path in SHORT.items()}
    for field in msgspec.structs.fields(struct):
        key = f"{prefix}{field.name}"
        if _is_section(field.type):
            yield from settings(field.type, f"{key}.")
        else:
            names = [f"COLDPLATE_{key.replace('.', '__').upper()}"]
            names += [short[key]] if key in short else []
            default: Any = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            yield Setting(key, tuple(names), default, MEANINGS[key])


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def load(path: str | None, environ: dict[str, str] | None = None) -> Config:
    """The configuration from a file (None: ./coldplate.toml where there is one) and the environment.

    Raises
    ------
    Failure
        Saying which file or variable, which key, and what is expected.
    """
    environ = dict(os.environ) if environ is None else environ
    where = path or ("coldplate.toml" if Path("coldplate.toml").is_file() else None)
    data: dict[str, Any] = {}
    if where is not None:
        try:
            data = tomllib.loads(Path(where).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Failure(f"{where}: {error}", BAD_INPUT) from None
        _convert(data, where)
    _from_environment(data, environ)
    return _convert(data, "the environment")


def _convert(data: dict[str, Any], where: str) -> Config:
    try:
        return msgspec.convert(data, Config, strict=False)
    except msgspec.ValidationError as error:
        raise Failure(f"{where}: {error}; docs/config.md lists every key", BAD_INPUT) from None


def _from_environment(data: dict[str, Any], environ: dict[str, str]) -> None:
    sections = {f.name for f in msgspec.structs.fields(Config)}
    for name, value in sorted(environ.items()):
        if not name.startswith("COLDPLATE_") or name in OTHER:
            continue
        path = SHORT.get(name) or tuple(name.removeprefix("COLDPLATE_").lower().split("__"))
        if path[0] not in sections:
            # Somebody else's variable may begin alike: say so and go on.
            log.warning(
                "environment: %s names no setting of coldplate; docs/config.md lists them", name
            )
            continue
        _put(data, path, name, value)


def _put(data: dict[str, Any], path: tuple[str, ...], name: str, value: str) -> None:
    table = data
    for depth, section in enumerate(path[:-1], 1):
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise Failure(
                f"the environment: {name} goes into {'.'.join(path[:depth])}, which is given as a whole too;"
                " docs/config.md lists every key",
                BAD_INPUT,
            )
    table[path[-1]] = _plain(name, value)


def _plain(name: str, value: str) -> Any:
    """The variable's text; what looks like a list or a table is one, in TOML's notation."""
    if not value.startswith(("[", "{")):
        return value
    try:
        return tomllib.loads(f"it = {value}")["it"]
    except tomllib.TOMLDecodeError as error:
        raise Failure(f"the environment: {name}: {error}", BAD_INPUT) from None


def secret(path: str) -> str:
    """A secret from its file; "" when none is named."""
    if not path:
        return ""
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"secret file {path}: {error}", BAD_INPUT) from None


def rotating(path: str) -> str:
    """A secret that clients read again when they connect; "" when no file is named.

    Raises
    ------
    Failure
        The file cannot be read, or is empty.
    """
    if not secret(path) and path:
        raise Failure(f"secret file {path} is empty", BAD_INPUT)
    return FileSecret(path) if path else ""
