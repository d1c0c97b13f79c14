"""ClickHouse as a part of the stack: an installed server, or the library in a host process.

Everything of it lies in the state folder's `clickhouse/`: configuration, written anew at each start
of the stack, and `data/`. Both forms read the same files, so a machine may change from one to the
other and keep its data.
"""

import http.client
import shutil
import sys
from functools import partial
from pathlib import Path

from coldplate.console.stack import clickhouse_host, clickhouse_mend
from coldplate.console.stack.atomic import write_atomically
from coldplate.console.stack.clickhouse_config import GRANTS, config_xml, users_xml
from coldplate.console.stack.errors import StackError
from coldplate.console.stack.part import Part
from coldplate.console.stack.ports import LOOPBACK
from coldplate.console.stack.state import StateDir

NAME = "clickhouse"
PORT, HTTP_PORT = 9000, 8123
LIMIT_S = 0.5


def clickhouse_binary() -> Path | None:
    """The `clickhouse` on PATH, which is preferred to the library."""
    found = shutil.which("clickhouse")
    return Path(found) if found else None


def clickhouse_part(state: StateDir, library: Path | None) -> Part:
    """ClickHouse on the ports of `state`.

    Parameters
    ----------
    library
        libchdb.so, for a machine without a `clickhouse` binary.

    Raises
    ------
    StackError
        There is neither a binary nor a library.
    """
    binary = clickhouse_binary()
    folder = state.folder(NAME)
    port, http_port = state.port("clickhouse", [PORT]), state.port("clickhouse-http", [HTTP_PORT])
    config, data = folder / "config.xml", folder / "data"
    for needed in (data, folder / "user_files"):
        needed.mkdir(mode=0o700, exist_ok=True)
    passwords = {user: state.secret(user) for user in GRANTS}
    write_atomically(config, config_xml(folder, port, http_port, boot=binary is None))
    write_atomically(folder / "users.xml", users_xml(passwords, boot=binary is None))
    if binary is not None:
        argv = [str(binary), "server", f"--config-file={config}"]
    elif library is not None:
        host = [sys.executable, "-I", "-S", str(clickhouse_host.__file__)]
        argv = [*host, str(library), str(config), str(data)]
    else:
        raise StackError("no `clickhouse` on PATH, and no library: run `coldplate fetch`")
    mended = [sys.executable, "-I", "-S", str(clickhouse_mend.__file__), str(data)]
    return Part(
        name=NAME,
        argv=(*mended, *argv),
        health=partial(clickhouse_awaits, LOOPBACK, http_port),
        stop_limit_s=20.0,
        ports={"clickhouse": port, "clickhouse-http": http_port},
    )


def clickhouse_awaits(host: str, http_port: int) -> str | None:
    """None when the server answers a ping, which needs no user; otherwise what is missing.

    The HTTP port opens last, so that the native one is open too.
    """
    connection = http.client.HTTPConnection(host, http_port, timeout=LIMIT_S)
    try:
        connection.request("GET", "/ping")
        answer = connection.getresponse()
        if (answer.status, answer.read(16)) == (200, b"Ok.\n"):
            return None
    except ConnectionRefusedError:
        return f"port {http_port} to open"
    except (OSError, http.client.HTTPException) as error:
        return f"an answer on port {http_port} ({error})"
    finally:
        connection.close()
    return f"a good answer on port {http_port}, got status {answer.status}"
