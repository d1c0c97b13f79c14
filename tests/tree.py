"""The checkout as the tests of its own form see it."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The chart of helm/ is no Python.
PARTS = tuple(
    sorted(p.parent.name for p in ROOT.glob("*/coldplate") if not (p / "Chart.yaml").is_file())
)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def files(pattern="*"):
    """Files that git tracks or would track, whose path matches a glob, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    found = (Path(name) for name in sorted(listed.split("\0")) if name)
    return [path for path in found if path.match(pattern) and (ROOT / path).is_file()]


def modules(part):
    """Names of a part's modules, from its files."""
    base = ROOT / part
    found = ("/".join(p.relative_to(base).with_suffix("").parts) for p in base.rglob("*.py"))
    return sorted(m.removesuffix("/__init__").replace("/", ".") for m in found)
