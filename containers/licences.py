"""`make licences`: docs/licences.md, whose the distributions of both images are, and under which licences.

Reads the metadata of the environments that `make containers-check` made.
"""

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/licences.md"
IMAGES = ("agent", "coldplate")
HEAD = """\
# Licences

Made by `make licences` from what the distributions of both images say of themselves; they are as `requirements.lock` pins them. coldplate is
Apache-2.0. The base image and its Debian packages are not listed: whoever builds on it has them in its own bill.

| distribution | version | licence | agent | coldplate |
|---|---|---|---|---|
"""


def licence(found: Distribution) -> str:
    """The SPDX expression, otherwise the classifiers, otherwise the first line of the free text."""
    data = found.metadata
    if expression := data.get("License-Expression"):
        return str(expression)
    classified = [c.split(" :: ")[-1] for c in data.get_all("Classifier") or () if c.startswith("License ::")]  # fmt: skip
    classified = [c for c in classified if c != "OSI Approved"]
    text = (data.get("License") or "").strip().splitlines()
    return ", ".join(classified) or (text[0][:60] if text else "") or "not said"


def rows() -> dict[tuple[str, str, str], set[str]]:
    """In which images each distribution is."""
    out: dict[tuple[str, str, str], set[str]] = {}
    for image in IMAGES:
        folders = [str(p) for p in (ROOT / "build/containers" / image).glob("lib/python*/site-packages")]  # fmt: skip
        if not folders:
            sys.exit(f"build/containers/{image} is not there: run `make containers-check` first")
        for found in distributions(path=folders):
            name = found.metadata["Name"]
            if name != "coldplate":
                out.setdefault((name, found.version, licence(found)), set()).add(image)
    return out


def main() -> None:
    """Write the page."""
    lines = [
        f"| {name} | {version} | {text.replace('|', '/')} | " + " | ".join("yes" if i in images else "" for i in IMAGES) + " |"
        for (name, version, text), images in sorted(rows().items(), key=lambda r: r[0][0].lower())
    ]  # fmt: skip
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(lines)} distributions\n")


if __name__ == "__main__":
    main()
