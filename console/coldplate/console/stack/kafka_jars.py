"""Apache Kafka from Maven: the jars of `kafka_2.13` and all that it needs, each pinned by its hash.

`kafka_jars.lock` was resolved once by jgo's pure-Python resolver and names every jar with its size
and SHA-256. Fetching a fixed list instead of resolving again takes 3 s instead of 18, gives every
machine the same broker, and notices a jar that is not the one we tested. To move to another Kafka:

    python -m coldplate.console.stack.kafka_jars 4.3.1 > kafka_jars.lock
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.errors import FetchError

LOG4J_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl"  # for slf4j 1.7, which Kafka uses
LOG4J_API = "org.apache.logging.log4j:log4j-api"
PARALLEL = 8

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def file(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


@cache
def jars() -> tuple[Jar, ...]:
    """Every jar of the broker's class path."""
    text = files("coldplate.console.stack").joinpath("kafka_jars.lock").read_text()
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(
        Jar(group, artifact, number, int(size), sha256)
        for name, size, sha256 in rows
        for group, artifact, number in [name.split(":")]
    )


def version() -> str:
    """The version of Kafka that the lock file names."""
    return next(jar.version for jar in jars() if jar.artifact == "kafka_2.13")


def entry() -> str:
    """The name in the cache: another lock file is another entry."""
    digest = hashlib.sha256("".join(jar.sha256 for jar in jars()).encode()).hexdigest()
    return f"kafka-{version()}-{digest[:8]}"


def fetch_kafka(cache: Cache, advance: Advance | None = None) -> Path:
    """The folder of Kafka's jars, downloaded when it is not there.

    Parameters
    ----------
    advance
        Called with the bytes of each piece that arrives, from several threads.

    Raises
    ------
    FetchError
        The repository cannot be reached, a jar is not the pinned one, or the disk is full.
    """
    what = f"Apache Kafka {version()}"

    def fill(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as repository:
            context = _maven(Path(repository), advance)
            with ThreadPoolExecutor(PARALLEL) as pool:
                for _ in pool.map(lambda jar: _fetch_jar(jar, context, folder), jars()):
                    pass

    try:
        return cache.install(entry(), fill)
    except ImportError as error:
        raise FetchError(what, str(error), "Install the extra coldplate[local].") from error
    except (OSError, RuntimeError) as error:  # requests' errors are OSError, jgo's RuntimeError
        raise FetchError(
            what,
            str(error),
            "Check the network, its proxy, and the free disk space (150 MB), and try again;"
            " or set COLDPLATE_KAFKA=host:port to use a Kafka that you have.",
        ) from error


def _fetch_jar(jar: Jar, context: Any, folder: Path) -> None:
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    path = folder / jar.file
    shutil.move(artifact.resolve(), path)
    if (found := _sha256(path)) != jar.sha256:
        raise RuntimeError(f"{jar.file} has SHA-256 {found}, not {jar.sha256}")


def _maven(repository: Path, advance: Advance | None) -> Any:
    """The resolver's context with its own repository folder, so that ~/.m2 stays untouched."""
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def progress(_file: str, _size_bytes: int) -> Iterator[Advance]:
        yield advance or (lambda _: None)

    resolver = PythonResolver(progress_callback=progress)
    return MavenContext(resolver=resolver, repo_cache=repository, timeout=30)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolve(kafka_version: str) -> Iterator[str]:
    """The lines of a new lock file."""
    with tempfile.TemporaryDirectory() as repository:
        context = _maven(Path(repository), None)

        wanted = context.create_dependency(f"org.apache.kafka:kafka_2.13:{kafka_version}")
        given, found = context.resolver.resolve([wanted])
        kafka = [d.artifact for d in given]
        kafka += [d.artifact for d in found if d.scope in ("compile", "runtime")]
        log4j = next(a.version for a in kafka if f"{a.groupId}:{a.artifactId}" == LOG4J_API)
        group, name = LOG4J_BINDING.split(":")
        binding = context.project(group, name).at_version(log4j).artifact()
        yield f"# Apache Kafka {kafka_version}: group:artifact:version, bytes, SHA-256 of each jar"
        for artifact in (*kafka, binding):
            path = artifact.resolve()
            label = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            yield f"{label} {path.stat().st_size} {_sha256(path)}"


if __name__ == "__main__":
    for _line in _resolve(sys.argv[1]):
        print(_line)
