"""What a worker needs to know."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from coldplate.streams.parameters import Parameters
from coldplate.wire.signature import Seals
from coldplate.wire.topic import Topics


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of one worker process.

    Parameters
    ----------
    brokers
        `host:port[,host:port]`.
    cluster
        Frames of other clusters are refused.
    topics
        Names of the topics.
    group
        Consumer group; all workers of a cluster share it.
    instance
        Static membership: a worker that restarts under the same name is not a rebalance. None: dynamic.
    state_dir
        Where Faust puts its (empty) data folder.
    parameters
        Of the detectors.
    tail_s
        Seconds of frames before the committed offset that are read again at start, to know what was going on.
    keep_s
        Seconds in which what was learnt is written down once for every rack.
    history_wait_s
        Seconds that a start waits at most for the history to tell what was learnt before.
    session_s
        A worker that is not heard of for so long is dead: the others of its group get its partitions.
    joined
        What is found goes to a cluster detector, which makes incidents of it and of what other workers found.
    seals
        Tell whether a record is its source's own; None believes all.
    security_protocol, sasl_mechanism, sasl_user, sasl_password, ca_file, cert_file, key_file
        As in Kafka's clients.
    """

    brokers: str
    cluster: str
    topics: Topics
    state_dir: Path
    group: str = "coldplate-worker"
    instance: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    tail_s: float = 120.0
    keep_s: float = 600.0
    history_wait_s: float = 10.0
    session_s: float = 15.0
    joined: bool = False
    seals: Seals | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_user: str = ""
    sasl_password: str = field(default="", repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
