"""Serves ClickHouse from libchdb.so until SIGTERM: a server out of a library made for embedding.

    python -I -S clickhouse_host.py LIBRARY CONFIG DATA

The library runs the statements below as clickhouse-local would. They open the ports that CONFIG
names, and then wait for the data of an INSERT, which come from a pipe that nobody writes to: so the
process sleeps in the kernel, and closing the pipe ends the statement and with it the server, in
order, in some ten milliseconds.

They run as the user `default`, which the library insists on, without a password and from 127.0.0.1.
CONFIG's users.xml gives that user a quota of exactly as many queries as there are `STATEMENTS`, so
that nobody else can use it (see `clickhouse_config`).

clickhouse-local ends its whole process when a thread that serves a connection ends by an exception:
a wrong password, or a client that was killed. A server must not, so `forgive_connections` makes the
library's handler for that do nothing, which is what ClickHouse's own server does but for logging.

Run as a file and without site-packages, as `child.py`.
"""

import ctypes
import mmap
import os
import signal
import sys
import threading
from types import FrameType

DATABASE = "coldplate"
STATEMENTS = (
    f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic",
    "SYSTEM START LISTEN TCP",
    "SYSTEM START LISTEN HTTP",
    "INSERT INTO FUNCTION null('line String') FROM INFILE '/dev/fd/{pipe}' FORMAT LineAsString",
)
FAILED = 1

# Where the one pinned build of the library (see `chdb`) keeps the virtual table of its class
# KillingErrorHandler. Before it stands the pointer to the class's type; in it the destructor, which
# is a bare return, the deleting destructor, and three handlers, which all call std::terminate.
LIBRARY_BYTES = 566_330_096
RUN_OFFSET = 0xF20EF00
TYPE_OFFSET = 0x21138B90
CLASS_NAME = b"19KillingErrorHandler"
PROTECT_READ, PROTECT_WRITE = 1, 2


class Result(ctypes.Structure):
    """`local_result_v2` of the library's header chdb.h; only its end is of interest."""

    _fields_ = (
        ("buffer", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("vector", ctypes.c_void_p),
        ("elapsed", ctypes.c_double),
        ("rows_read", ctypes.c_uint64),
        ("bytes_read", ctypes.c_uint64),
        ("error_message", ctypes.c_char_p),
    )


def main(argv: list[str]) -> int:
    """The exit status: 0 after a SIGTERM, otherwise the server could not start or failed."""
    library, config, data = argv
    reading, writing = os.pipe()
    asked_to_stop = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        if not asked_to_stop.is_set():
            asked_to_stop.set()
            os.close(writing)

    query = "; ".join(STATEMENTS).replace("{pipe}", str(reading))
    server = threading.Thread(
        target=serve,
        args=(library, f"--config-file={config}", f"--path={data}", "--log-level=warning", query),
    )
    # The library brings no handlers for these in this form; Python's run in this, the main thread.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.start()
    server.join()
    return 0 if asked_to_stop.is_set() else FAILED


def serve(library: str, *options: str) -> None:
    """Run clickhouse-local inside this process; returns when its last statement has ended."""
    run = ctypes.CDLL(library).query_stable_v2
    if not forgive_connections(library, ctypes.cast(run, ctypes.c_void_p).value or 0):
        sys.stderr.write(f"{library} is another build: a broken connection will end the server\n")
    run.restype = ctypes.POINTER(Result)
    run.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    *flags, query = options
    words = [word.encode() for word in ("clickhouse", *flags, "--multiquery", "--query", query)]
    result = run(len(words), (ctypes.c_char_p * len(words))(*words))
    if result and (error := result.contents.error_message):
        sys.stderr.write(f"ClickHouse ended: {error.decode(errors='replace')}\n")


def forgive_connections(library: str, run_address: int) -> bool:
    """Let a connection's thread end by an exception without ending the process.

    Returns whether that was possible: nothing is touched in a library that is not the known build.
    """
    if os.stat(library).st_size != LIBRARY_BYTES:  # noqa: PTH116  pathlib costs 10 ms a start
        return False
    table = run_address - RUN_OFFSET + TYPE_OFFSET
    cells = (ctypes.c_uint64 * 6).from_address(table)
    name = ctypes.c_uint64.from_address(cells[0] + 8).value
    returns, handlers = cells[1], cells[3:6]
    if ctypes.string_at(name) != CLASS_NAME or len(set(handlers)) != 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    page = table & -mmap.PAGESIZE
    pages = ctypes.c_void_p(page), ctypes.c_size_t(table + ctypes.sizeof(cells) - page)
    if libc.mprotect(*pages, PROTECT_READ | PROTECT_WRITE) != 0:
        return False
    cells[3:6] = [returns] * 3
    libc.mprotect(*pages, PROTECT_READ)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
