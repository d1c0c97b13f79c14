"""Both servers of the local stack, and how to reach them."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from coldplate.console.stack import chdb, kafka_jars
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.clickhouse_config import OWNER, READER, WRITER
from coldplate.console.stack.clickhouse_host import DATABASE
from coldplate.console.stack.clickhouse_server import clickhouse_binary, clickhouse_part
from coldplate.console.stack.errors import StackError
from coldplate.console.stack.kafka_server import kafka_part
from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.ports import LOOPBACK
from coldplate.console.stack.state import StateDir


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How to reach what was started; empty where nothing was. Passwords stay out of its repr."""

    kafka: str = ""
    clickhouse_owner: str = field(default="", repr=False)
    clickhouse_writer: str = field(default="", repr=False)
    clickhouse_reader: str = field(default="", repr=False)
    clickhouse_http: str = ""


def local_servers(
    state: StateDir, cache: Cache, *, kafka: bool = True, clickhouse: bool = True
) -> tuple[tuple[Part, ...], Endpoints]:
    """The parts to give to a supervisor; takes the state folder, starts nothing.

    Raises
    ------
    StackError
        The cache lacks what is to be started.
    StateBusy, NotOurs
        See `StateDir.acquire`.
    """
    library = cache.installed(chdb.entry())
    jars = cache.installed(kafka_jars.entry())
    missing = []
    if kafka and jars is None:
        missing.append(f"Apache Kafka {kafka_jars.version()}")
    if clickhouse and library is None and clickhouse_binary() is None:
        missing.append(f"ClickHouse {chdb.version()}")
    if missing:
        raise StackError(f"{' and '.join(missing)} not in {cache.root}: run `coldplate fetch`")
    state.acquire()
    parts: list[Part] = []
    if kafka and jars is not None:
        parts.append(kafka_part(state, jars))
    if clickhouse:
        parts.append(clickhouse_part(state, library / chdb.LIBRARY if library else None))
    ports = {name: port for part in parts for name, port in part.ports.items()}
    passwords = {user: state.secret(user) for user in (OWNER, WRITER, READER) if clickhouse}
    return tuple(parts), _endpoints(ports, passwords)


def endpoints_of(state: StateDir) -> Endpoints | None:
    """Those of the stack that runs in `state`, which another process supervises; None when none."""
    record = state.read_stack()
    if record is None or not record.alive:
        return None
    running = (part for part in record.parts if part.status is not Status.STOPPED)
    ports = {name: port for part in running for name, port in part.ports.items()}
    if not ports:
        return None
    return _endpoints(ports, _read_toml(state.path / "secrets.toml"))


def _endpoints(ports: dict[str, int], passwords: dict[str, str]) -> Endpoints:
    kafka = f"{LOOPBACK}:{ports['kafka']}" if "kafka" in ports else ""
    if "clickhouse" not in ports:
        return Endpoints(kafka=kafka)

    def url(user: str) -> str:
        # The passwords are of letters, digits, - and _ and so need no quoting.
        return f"clickhouse://{user}:{passwords[user]}@{LOOPBACK}:{ports['clickhouse']}/{DATABASE}"

    return Endpoints(
        kafka=kafka,
        clickhouse_owner=url(OWNER),
        clickhouse_writer=url(WRITER),
        clickhouse_reader=url(READER),
        clickhouse_http=f"http://{LOOPBACK}:{ports['clickhouse-http']}",
    )


def _read_toml(path: Path) -> dict[str, str]:
    return dict(tomllib.loads(path.read_text())) if path.exists() else {}
