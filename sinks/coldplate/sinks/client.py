"""The one place that talks to ClickHouse: columnar inserts with a token, statements, queries.

A connection is dropped after any error: the driver cannot reuse one that broke in the middle.
"""

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import product
from threading import Lock
from typing import Any, Self, TypeVar

import clickhouse_driver as driver
import numpy as np
from clickhouse_driver import errors
from clickhouse_driver.columns.numpy.service import column_by_type as numpy_columns
from numpy.typing import NDArray

from coldplate.sinks.baselines import read_baselines
from coldplate.sinks.columns import INTEGERS
from coldplate.sinks.errors import HistoryDown, HistoryRefused, HistoryShut
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.baseline import Baselines
from coldplate.wire.secret import now
from coldplate.wire.tls import is_no_tls, of_certificate, trusting

# The driver would send these number by number; on the wire they are what is within.
for _of, _type in product(("sum", "min", "max"), INTEGERS):
    numpy_columns[f"SimpleAggregateFunction({_of}, {_type})"] = numpy_columns[_type]

# It logs a traceback for every refused connection; whoever asks says once that the history is down.
logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)

Column = NDArray[Any] | list[Any]
Columns = Mapping[str, Column]
T = TypeVar("T")

#: The server's own "not now": timeout, busy, out of memory or space, read-only, too many parts,
#: broken connection, aborted, cancelled. The same thing may work later.
BUSY = frozenset({159, 202, 203, 209, 210, 236, 241, 242, 243, 252, 394, 439, 1000})
#: Who we are is what it refuses.
WHO = frozenset({192, 193, 194, 516})
_UNTRUSTED = "certificate verify failed: "
_CA = "ca_file of clickhouse.url"
# One insert must be one block, because a token stands for a block: no chunk is this long.
_BLOCK_ROWS = 1 << 31


class Client:
    """A connection that is made when needed, remade after an error, and safe to share by threads.

    Parameters
    ----------
    settings
        Where.
    connect_s, answer_s
        Longest waits for a connection, and for the next bytes of an answer.
    """

    def __init__(
        self, settings: ClickHouseSettings, *, connect_s: float = 5.0, answer_s: float = 60.0
    ) -> None:
        self.settings = settings
        self._waits = (connect_s, answer_s)
        self._lock = Lock()
        # Two connections, since the driver fixes numpy for a connection: with it numeric columns go
        # out as they lie in memory (500,000 rows in tenths of a second), without it strings work.
        self._clients: dict[bool, driver.Client] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement; `%(name)s` in it stands for a parameter.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        return self._call(False, lambda c: c.execute(sql, dict(params) if params else None))

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, int] | None = None,
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a query; parameters as in `execute`, settings of this query alone.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        given, limits = dict(parameters) if parameters else None, dict(settings or {})
        rows, types = self._call(
            False, lambda c: c.execute(sql, given, with_column_types=True, settings=limits)
        )
        return [name for name, _ in types], rows

    def columns(self, sql: str, *, numbers: bool = True) -> dict[str, Column]:
        """The columns of a query by name: arrays as they lie in memory; `numbers` False: lists of anything.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        data, types = self._call(
            numbers, lambda c: c.execute(sql, columnar=True, with_column_types=True)
        )
        names = [str(name) for name, _ in types]
        return dict(zip(names, data, strict=True)) if len(data) else {n: [] for n in names}

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert rows as one block; a block with a token that the table has seen changes nothing.

        Parameters
        ----------
        table
            Of the connection's database.
        columns
            Arrays or lists of one length by column name; times as integers of the column's unit.
        token
            `insert_deduplication_token`; None for a table whose engine makes repeats harmless.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        rows = {len(column) for column in columns.values()}
        if len(rows) != 1:
            raise ValueError(f"{table}: columns of {sorted(rows)} rows")
        if rows == {0}:
            return
        whole = all(isinstance(column, np.ndarray) for column in columns.values())
        # The driver writes into the lists it is given (a missing value becomes 0): it gets copies,
        # because the same columns are sent again after a failure.
        data = [c if whole else c.tolist() if isinstance(c, np.ndarray) else list(c)
                for c in columns.values()]  # fmt: skip
        names = ", ".join(f"`{name}`" for name in columns)
        # Of a distributed table: done is when the shards have it. A block of rollups has each key once already, and need
        # not be merged within itself.
        settings: dict[str, object] = {
            "max_execution_time": int(self._waits[1]), "distributed_foreground_insert": 1,
            "optimize_on_insert": 0,
        }  # fmt: skip
        if token is not None:
            settings |= {"insert_deduplicate": 1, "insert_deduplication_token": token}
        sql = f"INSERT INTO `{table}` ({names}) VALUES"
        self._call(whole, lambda c: c.execute(sql, data, columnar=True, settings=settings))

    def close(self) -> None:
        """Drop the connections; the next call makes new ones."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        for client in self._clients.values():
            client.disconnect()
        self._clients.clear()

    def _call(self, use_numpy: bool, act: Callable[[driver.Client], T]) -> T:
        with self._lock:
            new = use_numpy not in self._clients
            try:
                return act(self._client(use_numpy))
            except errors.ServerException as error:
                self._drop()
                raise _server_error(error) from None
            except (errors.Error, OSError, EOFError) as error:
                self._drop()
                raise self._down(error, new) from None
            except BaseException:
                self._drop()
                raise

    def _client(self, use_numpy: bool) -> driver.Client:
        if use_numpy not in self._clients:
            s, (connect_s, answer_s) = self.settings, self._waits
            ca_file = s.ca_file
            if s.secure:
                # The driver reads it while it connects, and would say neither which nor why. Without one it
                # would trust those that some Python package brings instead of the system's.
                trusting(ca_file or "", _CA)
                ca_file = ca_file or ssl.get_default_verify_paths().cafile
            self._clients[use_numpy] = driver.Client(
                s.host, s.port, s.database, s.user, now(s.password),
                secure=s.secure, ca_certs=ca_file, compression=_compression(s.host), client_name="coldplate",
                connect_timeout=connect_s, send_receive_timeout=answer_s,
                sync_request_timeout=connect_s, tcp_keepalive=True,
                settings={"use_numpy": use_numpy, "insert_block_size": _BLOCK_ROWS},
            )  # fmt: skip
        return self._clients[use_numpy]

    def _down(self, error: Exception, new: bool) -> HistoryDown:
        """In one line; of a connection that did not come about, what to do."""
        said, secure = _first_line(error), self.settings.secure
        where = f"ClickHouse at {self.settings.host}:{self.settings.port}"
        if _UNTRUSTED in said:
            of = said.partition(_UNTRUSTED)[2].partition(" (_ssl")[0]
            return HistoryShut(f"{where} {of_certificate(of, 'clickhouse.url', _CA)}")
        if _CA in said:
            return HistoryShut(said)
        if secure and new and _is_no_tls(error, said):
            return HistoryShut(
                f"{where} does not speak TLS, and secure in clickhouse.url asks for it: name its port for TLS (9440)"
            )
        if not secure and new and (isinstance(error, EOFError) or "reset by peer" in said):
            return HistoryDown(
                f"{where} ended the connection without an answer: it may want TLS (secure=1 in clickhouse.url)"
            )
        return HistoryDown(f"{where}: {said}")


def _compression(host: str) -> str | bool:
    """None within a machine, as ClickHouse's own client has it: there it is most of what an insert costs us, and saves nothing.

    >>> _compression("127.0.0.1"), _compression("clickhouse.history.svc")
    (False, 'lz4')
    """
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost"
    return False if here else "lz4"


def _server_error(error: errors.ServerException) -> HistoryDown | HistoryRefused:
    reason = _first_line(error.message).removeprefix("DB::Exception: ")
    code = int(error.code or 0)
    if code in WHO:
        # The rest of it is about how a password is reset.
        reason = f"{reason.partition('. ')[0].rstrip('.')}: see clickhouse.url and clickhouse.password_file"
    return HistoryDown(f"{reason} (code {code})") if code in BUSY else HistoryRefused(code, reason)


def _is_no_tls(error: Exception, said: str) -> bool:
    """The driver hands on the words of what happened, not what happened."""
    return is_no_tls(error) or is_no_tls(ssl.SSLError(said))


def _first_line(error: object) -> str:
    # The driver appends the server's stack trace; no line of it is for a person.
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line.split(". Stack trace")[0].split("Stack trace:")[0].strip()[:300]


class ClickHouseHistory:
    """`coldplate.wire.ports.History` over one `Client`, for whoever only reads."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._client = Client(settings)

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """Column names and rows; `%(name)s` in the SQL stands for a parameter.

        Raises
        ------
        HistoryDown, HistoryRefused
        """
        return self._client.query(sql, parameters)

    def baselines(self, cluster: str, since_ms: int) -> Iterator[Baselines]:
        """What detectors had learnt of each rack when it was written down last; see the Protocol."""
        return read_baselines(self._client.execute, cluster, since_ms)

    def close(self) -> None:
        """Drop the connection."""
        self._client.close()
