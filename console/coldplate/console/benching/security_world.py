"""The servers of `coldplate bench security`: a Kafka that lets nobody in unasked, and a ClickHouse behind TLS.

Kafka has a listener for each way in: certificates of both sides (`SSL`), users and passwords (`SASL_SSL`), two whose
certificates must be refused, and an open one for who has no rights. An authorizer refuses what nobody was given; rights are
exactly those of `coldplate.wire.rights`.
"""

import base64
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from coldplate.agents.settings import KafkaSettings
from coldplate.console.benching.crew import Crew, clean_environment
from coldplate.console.benching.security_certificates import ELSEWHERE, Authority, Certificate
from coldplate.console.benching.security_tls import tls_part
from coldplate.console.stack import chdb, kafka_jars
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.clickhouse_config import OWNER, READER, WRITER
from coldplate.console.stack.clickhouse_host import DATABASE
from coldplate.console.stack.clickhouse_server import clickhouse_part
from coldplate.console.stack.errors import StackError
from coldplate.console.stack.kafka_server import kafka_part
from coldplate.console.stack.ports import LOOPBACK
from coldplate.console.stack.state import StateDir
from coldplate.wire.rights import roles, user_of

SERVERS = ("kafka", "clickhouse", "tls")
ADMIN = "admin"
GOOD, WRONG_NAME, EXPIRED = "good", "elsewhere", "expired"
METRICS = "metrics"
LISTENERS = {"SSL": "SSL", "SASL_SSL": "SASL_SSL", "WRONG_NAME": "SSL", "EXPIRED": "SSL"}
"""Name of the listener -> its protocol, beside the open one."""

MECHANISM: Literal["SCRAM-SHA-512"] = "SCRAM-SHA-512"
SHORT_LIFE = "-XX:TieredStopAtLevel=1"
"""For Java: a broker of half a minute is not worth compiling well, which takes seconds of it."""


@dataclass
class World:
    """What the cases are tried on.

    Parameters
    ----------
    folder
        Of everything.
    state
        Of the servers.
    crew
        Runs them.
    ports
        By listener of Kafka, by kind of certificate of the way to ClickHouse, and of a worker's metrics.
    authority, stranger
        Who issued the servers' certificates, and who did not.
    certificates
        Of clients by their name, which is the principal's.
    passwords
        By user of Kafka and of ClickHouse.
    """

    folder: Path
    state: StateDir
    crew: Crew
    ports: Mapping[str, int]
    authority: Authority
    stranger: Authority
    certificates: Mapping[str, Certificate]
    passwords: dict[str, str] = field(repr=False)

    def broker(self, listener: str) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self.ports[listener]}"

    def mutual(self, name: str, listener: str = "SSL", ca: Path | None = None) -> KafkaSettings:
        """By a certificate; an empty name shows none."""
        own = self.certificates.get(name)
        return KafkaSettings(
            self.broker(listener), "SSL", ca_file=str(ca or self.authority.file),
            cert_file=str(own.cert) if own else "", key_file=str(own.key) if own else "",
        )  # fmt: skip

    def login(self, role: str, password: str | None = None) -> KafkaSettings:
        """By user and password; None is that of its file."""
        return KafkaSettings(
            self.broker("SASL_SSL"), "SASL_SSL", MECHANISM, user_of(role),
            self.passwords[user_of(role)] if password is None else password,
            str(self.authority.file),
        )  # fmt: skip

    def file(self, name: str, secret: str) -> Path:
        """A file with a secret in it, that only we can read."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(f"{secret}\n", "utf-8")
        return path

    def kafka_env(self, role: str) -> dict[str, str]:
        """How a program is told its user of Kafka; the password in a file."""
        return {
            "COLDPLATE_KAFKA": self.broker("SASL_SSL"),
            "COLDPLATE_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "COLDPLATE_KAFKA__SASL_USER": user_of(role),
            "COLDPLATE_KAFKA__SASL_PASSWORD_FILE":
                str(self.file(f"kafka-{role}", self.passwords[user_of(role)])),
            "COLDPLATE_KAFKA__CA_FILE": str(self.authority.file),
        }  # fmt: skip

    def clickhouse_url(
        self, user: str, kind: str = GOOD, ca: Path | None = None, *, tls: bool = True
    ) -> str:
        """Without a password, by the way whose certificate is of this kind."""
        options = f"?secure=1&ca_file={ca or self.authority.file}" if tls else ""
        return f"clickhouse://{user}@{LOOPBACK}:{self.ports[kind]}/{DATABASE}{options}"

    def clickhouse_env(self, user: str) -> dict[str, str]:
        """How a program is told its user of ClickHouse; the password in a file."""
        return {
            "COLDPLATE_CLICKHOUSE": self.clickhouse_url(user),
            "COLDPLATE_CLICKHOUSE__PASSWORD_FILE":
                str(self.file(f"clickhouse-{user}", self.passwords[user])),
        }  # fmt: skip


def build(folder: Path) -> World:
    """Certificates, passwords and parts; nothing runs yet.

    Raises
    ------
    Failure, StackError
        A package or a server is not there.
    """
    cache = Cache.default()
    jars, library = cache.installed(kafka_jars.entry()), cache.installed(chdb.entry())
    if jars is None:
        raise StackError(f"Apache Kafka is not in {cache.root}: run `coldplate fetch`")
    folder.chmod(0o700)
    authority, stranger = Authority(folder, "authority"), Authority(folder, "stranger")
    servers = {
        GOOD: authority.issue("broker"), WRONG_NAME: authority.issue("broker-elsewhere", ELSEWHERE),
        EXPIRED: authority.issue("broker", expired=True),
    }  # fmt: skip
    certificates = {user_of(name): authority.issue(user_of(name)) for name in ("agent", "topics")}
    certificates |= {
        ADMIN: authority.issue(ADMIN), "expired": authority.issue(user_of("agent"), expired=True),
        "stranger": stranger.issue(user_of("agent")),
    }  # fmt: skip
    users = {user_of(name): secrets.token_urlsafe(24) for name in roles()}
    state = StateDir(folder / "stack")
    listeners = {name: state.port(name) for name in LISTENERS}
    kafka = kafka_part(
        state, jars, listeners=listeners, properties=_properties(servers, authority),
        format_arguments=[w for user, password in users.items() for w in _scram(user, password)],
    )  # fmt: skip
    kafka = replace(kafka, env={"JDK_JAVA_OPTIONS": SHORT_LIFE})
    clickhouse = clickhouse_part(state, library / chdb.LIBRARY if library else None)
    ways = {kind: state.port(f"clickhouse-{kind}") for kind in servers}
    plain = clickhouse.ports["clickhouse"]
    front = tls_part(folder, {port: servers[kind] for kind, port in ways.items()}, plain)
    passwords = users | {user: state.secret(user) for user in (OWNER, WRITER, READER)}
    passwords |= {"web": secrets.token_urlsafe(24), "webhook": _webhook_key()}
    ports = {**listeners, "PLAINTEXT": kafka.ports["kafka"], **ways, "plain": plain, METRICS: state.port(METRICS)}  # fmt: skip
    crew = Crew(state, (kafka, clickhouse, front), clean_environment())
    return World(folder, state, crew, ports, authority, stranger, certificates, passwords)


def _webhook_key() -> str:
    """As Standard Webhooks writes one."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _scram(user: str, password: str) -> tuple[str, str]:
    return "--add-scram", f"{MECHANISM}=[name={user},password={password}]"


def _properties(servers: Mapping[str, Certificate], authority: Authority) -> dict[str, str]:
    """Kafka's, over those of the local stack."""
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "SSL", **LISTENERS}
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    rows = {
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "inter.broker.listener.name": "SSL",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:broker;User:{ADMIN}",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": str(servers[GOOD].both),
        "ssl.truststore.type": "PEM", "ssl.truststore.location": str(authority.file),
        "ssl.client.auth": "required",
        # The principal is the certificate's common name.
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
        "sasl.enabled.mechanisms": MECHANISM,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": login,
        "listener.name.sasl_ssl.ssl.client.auth": "none",
    }  # fmt: skip
    for listener, kind in (("wrong_name", WRONG_NAME), ("expired", EXPIRED)):
        rows |= {
            f"listener.name.{listener}.ssl.keystore.type": "PEM",
            f"listener.name.{listener}.ssl.keystore.location": str(servers[kind].both),
        }
    return rows


def temporary() -> "tempfile.TemporaryDirectory[str]":
    """A folder for a world."""
    return tempfile.TemporaryDirectory(prefix="coldplate-bench-")
