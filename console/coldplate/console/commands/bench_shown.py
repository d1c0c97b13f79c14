"""How the benchmarks print what they measured."""

from typing import Any

from coldplate.console.output import print_json, print_table


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """One JSON object, or a table with a line for each figure; of lists how long they are."""
    if as_json:
        print_json(result)
        return
    rows: list[tuple[str, Any]] = []
    for name, value in result.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        rows += [(f"{name} {key}".strip(), _short(v)) for key, v in inner]
    print_table(("measure", "value"), rows)


def _short(value: Any) -> Any:
    long = isinstance(value, list) and any(isinstance(v, dict) for v in value)
    return f"{len(value)} (see --json)" if long else value
