"""Makes the virtual environment of an image: `python containers/install.py PREFIX EXTRA,EXTRA` in the root of the tree.

Every distribution comes from requirements.lock, in its version and with its hash, as a wheel: nothing is compiled, and
nothing is there that the extras do not ask for, pip neither. Needs Python and its pip alone.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path("requirements.lock")
#: A version and, where it is for some Pythons alone, its marker; a name may have several.
PIN = re.compile(r"^([A-Za-z0-9._-]+)==[^\\\n]+", re.MULTILINE)
#: What builds our own wheel; not part of the image.
BUILDER = "hatchling"


def pip(*words: str, into: Path | None = None) -> None:
    """Run pip, for another environment when one is named; whoever calls sees what it says when it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    command += ["--python", str(into / "bin/python")] if into else []
    subprocess.run([*command, *words], check=True)


def plain(name: str) -> str:
    """A distribution's name as all spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def environment(prefix: Path) -> Path:
    """A new virtual environment without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", prefix], check=True)
    return prefix


def locked(lock: str, wanted: str, folder: Path) -> Path:
    """The part of the lock that a requirement needs, as a file for `--require-hashes`.

    Raises
    ------
    SystemExit
        When it needs something that the lock does not have.
    """
    pins = list(PIN.finditer(lock))
    constraints, report = folder / "constraints.txt", folder / "report.json"
    constraints.write_text("\n".join(m[0] for m in pins), "utf-8")
    pip("install", "--dry-run", "--ignore-installed", "--only-binary=:all:", f"--constraint={constraints}", f"--report={report}", wanted)  # fmt: skip
    found = [i["metadata"]["name"] for i in json.loads(report.read_text("utf-8"))["install"]]
    names = {plain(name) for name in found} - {"coldplate"}
    if strangers := sorted(names - {plain(m[1]) for m in pins}):
        sys.exit(f"{LOCK} lacks {', '.join(strangers)}, which {wanted} needs")
    out = folder / "subset.lock"
    out.write_text("".join(_entry(lock, m) for m in pins if plain(m[1]) in names), "utf-8")
    return out


def _entry(lock: str, pin: re.Match[str]) -> str:
    """A pin with the lines of its hashes."""
    following = PIN.search(lock, pin.end())
    return lock[pin.start() : following.start() if following else len(lock)]


def main() -> None:
    """Make it."""
    if len(sys.argv) != len(("program", "prefix", "extras")):
        sys.exit("usage: python containers/install.py PREFIX EXTRA[,EXTRA]")
    prefix, extras = Path(sys.argv[1]), sys.argv[2]
    lock = LOCK.read_text("utf-8")
    hashed = ("install", "--no-cache-dir", "--no-compile", "--no-deps", "--only-binary=:all:", "--require-hashes")  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        builder = environment(folder / "builder")
        pip(*hashed, f"--requirement={locked(lock, BUILDER, folder)}", into=builder)
        pip("wheel", "--no-cache-dir", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}", ".", into=builder)  # fmt: skip
        (wheel,) = folder.glob("coldplate-*.whl")
        needed = locked(lock, f"coldplate[{extras}] @ {wheel.as_uri()}", folder)
        environment(prefix)
        pip(*hashed, f"--requirement={needed}", into=prefix)
        pip("install", "--no-cache-dir", "--no-compile", "--no-deps", str(wheel), into=prefix)
    # The tests of others are a good part of what they install.
    for tests in sorted(prefix.glob("lib/python*/site-packages/**/tests")):
        shutil.rmtree(tests, ignore_errors=True)


if __name__ == "__main__":
    main()
