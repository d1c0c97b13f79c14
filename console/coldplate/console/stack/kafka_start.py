"""Formats Kafka's storage when there is none, then becomes the broker.

    python -I -S kafka_start.py FOLDER JAVA [JVM OPTION...]

FOLDER holds `server.properties` and `format.properties`, which differ in their `log.dirs` alone, and `format.arguments`,
further arguments of the tool that formats, a line each: passwords of users who are there from the first start on.
Formatting happens beside the data, in a folder that is renamed when it is complete: a kill at any
moment leaves either no data or formatted data, and data that exists is never formatted again.

Run as a file and without site-packages, as `child.py`, for the same reason.
"""

import base64
import os
import shutil
import subprocess
import sys
from pathlib import Path

DATA = "data"
FORMATTING = "formatting"
FORMAT_ARGUMENTS = "format.arguments"
COMPLETE = "meta.properties"  # the tool's own mark of a formatted folder
REFUSED = 127


def random_cluster_id() -> str:
    """16 random bytes as Kafka writes them; never with a leading dash, which Kafka refuses too."""
    while (text := base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text


def format_storage(folder: Path, java: list[str]) -> int:
    """Make FOLDER/data with a new cluster id, which stays in it; the tool's exit status."""
    temporary = folder / FORMATTING
    shutil.rmtree(temporary, ignore_errors=True)
    child = Path(__file__).with_name("child.py")
    # Through `child`, so that the tool too dies with us.
    launcher = [sys.executable, "-I", "-S", str(child), str(os.getpid())]
    tool = ["kafka.tools.StorageTool", "format", "--cluster-id", random_cluster_id()]
    command = [*launcher, *java, *tool, "--config", str(folder / "format.properties")]
    if (more := folder / FORMAT_ARGUMENTS).exists() and more.stat().st_size:
        # The tool reads the file itself: whoever lists processes sees its name.
        command.append(f"@{more}")
        # ... and it prints all it writes, the users' keys included.
        said: int | None = subprocess.DEVNULL
    else:
        said = None
    if (status := subprocess.run(command, check=False, stdout=said).returncode) == 0:
        temporary.rename(folder / DATA)
    return status


def main(argv: list[str]) -> int:  # noqa: RET503
    """Never returns when all is well; otherwise the exit status."""
    folder, java = Path(argv[0]), argv[1:]
    data = folder / DATA
    if not (data / COMPLETE).exists():
        if data.exists() and any(data.iterdir()):
            sys.stderr.write(f"{data} holds files but no {COMPLETE}: not Kafka's, or damaged\n")
            return REFUSED
        if status := format_storage(folder, java):
            return status
    os.execv(java[0], [*java, "kafka.Kafka", str(folder / "server.properties")])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
