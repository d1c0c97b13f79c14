"""What a sink must be told, checked when it is made and not when it is first used."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from coldplate.wire.signature import Seals
from coldplate.wire.topic import Topics

PORT, SECURE_PORT = 9000, 9440
ROLLUP_S_MAX = 600.0
"""So long after a crash is read and prepared again."""

_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ClickHouseSettings:
    """How to reach the history.

    Parameters
    ----------
    host, port, database, user, password
        Of the native protocol (not HTTP).
    secure
        TLS.
    ca_file
        Authorities to trust with TLS; None for the system's.
    """

    host: str
    port: int = PORT
    database: str = "default"
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_file: str | None = None

    @staticmethod
    def from_url(url: str) -> "ClickHouseSettings":
        """Settings from `clickhouse://user:password@host:port/database?secure=1&ca_file=...`.

        Raises
        ------
        ValueError
            Saying what is wrong, without repeating the URL, because it holds a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("ClickHouse URL: the port is no number of 1 to 65535") from None
        if parts.scheme != "clickhouse":
            raise ValueError("ClickHouse URL: it must begin with clickhouse://")
        if not parts.hostname:
            raise ValueError("ClickHouse URL: no host")
        database = unquote(parts.path.strip("/")) or "default"
        if not _NAME.fullmatch(database):
            raise ValueError(f"ClickHouse URL: {database!r} is no name of a database")
        secure, ca_file = _options(parts.query)
        return ClickHouseSettings(
            host=parts.hostname,
            port=port or (SECURE_PORT if secure else PORT),
            database=database,
            user=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            ca_file=ca_file,
        )


def _options(query: str) -> tuple[bool, str | None]:
    secure, ca_file = False, None
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "secure" and value.lower() in _WORDS:
            secure = _WORDS[value.lower()]
        elif key == "secure":
            raise ValueError("ClickHouse URL: secure is neither true nor false")
        elif key == "ca_file":
            ca_file = value
        else:
            raise ValueError(f"ClickHouse URL: {key!r} is unknown; there are secure, ca_file")
    return secure, ca_file


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """How one sink works.

    Parameters
    ----------
    brokers
        `host:port` of Kafka, one or more.
    cluster
        Whose frames are stored; others are rejected.
    clickhouse
        Where to.
    security_protocol, sasl_mechanism, sasl_user, sasl_password, ca_file, cert_file, key_file
        As Kafka's clients name them.
    topics
        Names of the topics.
    group
        Consumer group; sinks of one group share the partitions.
    instance
        Name of this member, unique in the group: a restart within the session timeout then moves no
        partition. None for dynamic membership.
    flush_s
        Longest time a record waits for others before it is stored; of incidents and actions less (loop.py).
    seals
        Tell whether a record is its source's own; None believes all.
    rows_max
        Rows after which a batch is stored at once, and the bound of what is held in memory.
    rollup_s
        For so long samples of frames wait for others before their rollups are made (later.py); 0 makes them of every batch, at several
        times the cost. Of tens of thousands of GPUs a minute is a gigabyte here.
    """

    brokers: tuple[str, ...]
    cluster: str
    clickhouse: ClickHouseSettings
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_user: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    topics: Topics = field(default_factory=Topics)
    group: str = "coldplate-sink"
    instance: str | None = None
    flush_s: float = 2.0
    seals: Seals | None = None
    rows_max: int = 250_000
    rollup_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.brokers or not all(self.brokers):
            raise ValueError("brokers: name at least one host:port")
        if not self.cluster:
            raise ValueError("cluster: is empty")
        if self.flush_s <= 0 or self.rows_max < 1:
            raise ValueError(f"flush_s {self.flush_s}, rows_max {self.rows_max}: above 0")
        if not 0 <= self.rollup_s <= ROLLUP_S_MAX:
            raise ValueError(f"rollup_s {self.rollup_s}: 0 to {ROLLUP_S_MAX:g}")
