"""Writes what follows from elsewhere: values.schema.json, the README's table, and the dashboards' copies.

`python helm/generate.py` writes them, `--check` says which are not as they would be written, and exits with 1.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from schema import values
from words import ROW

ROOT = Path(__file__).parent.parent
CHART = ROOT / "helm/coldplate"
BOARDS = ROOT / "dashboards/coldplate/dashboards/json"
BEGIN, END = "<!-- values: made by helm/generate.py -->", "<!-- end of values -->"


def rows(schema: dict[str, Any], default: Any, key: str = "") -> Iterator[tuple[str, str, str]]:
    """(key, default, meaning) of every value, in the schema's order."""
    for name, piece in schema.get("properties", {}).items():
        here = f"{key}{name}"
        given = default.get(name) if isinstance(default, dict) else None
        if here == "global":
            continue
        if piece.get("properties") and piece.get("$comment") != ROW:
            yield from rows(piece, given, f"{here}.")
        else:
            shown = json.dumps(given, separators=(", ", ": ")) if given is not None else ""
            yield here, shown, piece["description"]


def table(schema: dict[str, Any], default: Any) -> str:
    """The README's table, a plant's keys included."""
    lines = ["| value | default | meaning |", "|---|---|---|"]
    found = list(rows(schema, default))
    found += rows(schema["properties"]["plants"]["items"], {}, "plants[].")
    for key, shown, meaning in found:
        text = meaning.replace("|", "\\|")
        lines.append(f"| `{key}` | {f'`{shown}`' if shown else ''} | {text} |")
    return "\n".join(lines)


def wanted() -> dict[Path, str]:
    """Path -> text of everything that is made."""
    schema = values()
    default = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    readme = (CHART / "README.md").read_text("utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    out = {
        CHART / "values.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        CHART / "README.md": f"{before}{BEGIN}\n{table(schema, default)}\n{END}{after}",
    }
    for board in sorted(BOARDS.glob("*.json")):
        out[CHART / "files/dashboards" / board.name] = board.read_text("utf-8")
    return out


def main() -> int:
    """Write, or say what is not current."""
    made = wanted()
    extra = set((CHART / "files/dashboards").glob("*")) - set(made)
    stale = [p for p, text in made.items() if not p.exists() or p.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in sorted({*stale, *extra}):
            sys.stderr.write(f"{path.relative_to(ROOT)}: not current; run python helm/generate.py\n")  # fmt: skip
        return 1 if stale or extra else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], "utf-8")
    for path in extra:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
