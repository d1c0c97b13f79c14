"""What is tried on ClickHouse by `coldplate bench security`: TLS, passwords, and what each user may."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from coldplate.console.benching.security_case import Refused, Trial
from coldplate.console.benching.security_world import EXPIRED, WRONG_NAME, World
from coldplate.console.stack.clickhouse_config import OWNER, READER, WRITER
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.secret import FileSecret

CONNECT_S, ANSWER_S = 5.0, 20.0
WRONG_PASSWORD = "clickhouse.password_file"  # noqa: S105  what to look at, not one


def prepare(world: World) -> None:
    """Make the schema, as the owner.

    Raises
    ------
    HistoryError
    """
    with Client(_settings(world, OWNER)) as client:
        migrate(client)


def cases(world: World) -> Sequence[Trial]:
    """Each by connections of its own."""
    one = "SELECT count() FROM frames"
    plain = ClickHouseSettings.from_url(world.clickhouse_url(READER, "plain", tls=False))
    secret = world.passwords[READER]
    return (
        Trial("clickhouse: over TLS", partial(_asked, _settings(world, READER), one)),
        Trial("clickhouse: its authority is not known", partial(_asked, _settings(world, READER, stranger=True), one), "not in ca_file"),
        Trial("clickhouse: its certificate is for another name", partial(_asked, _settings(world, READER, WRONG_NAME), one), "for another name"),
        Trial("clickhouse: its certificate has expired", partial(_asked, _settings(world, READER, EXPIRED), one), "has expired"),
        Trial("clickhouse: wrong password", partial(_asked, replace(_settings(world, READER), password="wrong"), one), WRONG_PASSWORD),  # noqa: S106
        Trial("clickhouse: unknown user", partial(_asked, replace(_settings(world, READER), user="nobody"), one), WRONG_PASSWORD),
        Trial("clickhouse: with TLS to a port without it", partial(_asked, _settings(world, READER, "plain"), one), "does not speak TLS"),
        Trial("clickhouse: without TLS to a port with it", partial(_asked, replace(plain, port=world.ports["good"], password=secret), one), "may want TLS"),
        Trial("clickhouse: a file of authorities that is not there", partial(_asked, replace(_settings(world, READER), ca_file="/nowhere/ca.pem"), one), "/nowhere/ca.pem: No such file"),
        Trial("clickhouse: reader inserts", partial(_asked, _settings(world, READER), "INSERT INTO incidents (id) VALUES ('x')"), "Not enough privileges"),
        Trial("clickhouse: reader lifts its own limits", partial(_asked, _settings(world, READER), "SET readonly = 0"), "readonly"),
        Trial("clickhouse: reader asks for users", partial(_asked, _settings(world, READER), "SELECT * FROM system.users"), "Not enough privileges"),
        Trial("clickhouse: reader asks another server", partial(_asked, _settings(world, READER), "SELECT * FROM url('http://127.0.0.1:1/', CSV, 'a String')"), "(code"),
        Trial("clickhouse: reader reads a file", partial(_asked, _settings(world, READER), "SELECT * FROM file('/etc/passwd', LineAsString)"), "(code"),
        Trial("clickhouse: writer drops a table", partial(_asked, _settings(world, WRITER), "DROP TABLE frames"), "Not enough privileges"),
        Trial("clickhouse: password changed in its file, no restart", partial(_rotated, world)),
    )  # fmt: skip


def _settings(
    world: World, user: str, kind: str = "good", *, stranger: bool = False
) -> ClickHouseSettings:
    ca = world.stranger.file if stranger else world.authority.file
    found = ClickHouseSettings.from_url(world.clickhouse_url(user, kind, ca))
    return replace(found, password=world.passwords[user])


def _asked(settings: ClickHouseSettings, sql: str) -> str:
    with closing(Client(settings, connect_s=CONNECT_S, answer_s=ANSWER_S)) as client:
        return _answer(client, sql)


def _answer(client: Client, sql: str) -> str:
    try:
        rows = client.execute(sql)
    except HistoryError as error:
        raise Refused(str(error)) from None
    return f"answered with {len(rows)} rows"


def _rotated(world: World) -> str:
    """The same client, before and after: refused by what is in the file, then let in."""
    file = world.file("clickhouse-rotated", "the-password-of-before")
    settings = replace(_settings(world, READER), password=FileSecret(str(file)))
    with closing(Client(settings, connect_s=CONNECT_S)) as client:
        try:
            _answer(client, "SELECT 1")
        except Refused:
            world.file("clickhouse-rotated", world.passwords[READER])
            return f"{_answer(client, 'SELECT 1')}, by the same client as before"
    return "a wrong password was let in"
