"""How the benchmarks print what they measured."""

from collections.abc import Iterator
from typing import Any

from coldplate.console.output import print_json, print_table

TEXT_MAX = 60
"""Characters of a text in a list that is shown: plans and the like are for who asks for JSON."""


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """One JSON object, or a table with a line for each figure; of long lists how long they are."""
    if as_json:
        print_json(result)
        return
    print_table(("measure", "value"), list(_lines("", result)))


def _lines(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A figure a line, named by the way to it.

    >>> list(_lines("", {"rows": 7, "warm": {"ms": {"p50": 1.5}, "plan": [{"a": 1}]}}))
    [('rows', 7), ('warm ms p50', 1.5), ('warm plan', '1 (see --json)')]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{name} {key}".strip(), inner)
    else:
        yield name, _short(value)


def _short(value: Any) -> Any:
    long = isinstance(value, list) and any(
        isinstance(v, (dict, list)) or len(str(v)) > TEXT_MAX for v in value
    )
    return f"{len(value)} (see --json)" if long else value
