"""The cookbook: questions that people ask of the history, one .sql file each, with its parameters and what it tells.

A file begins with comment lines `-- key: text` (title, role, tells, and a `param` line each); a line that begins with
spaces after the dashes goes on with the one before. In the SQL a parameter stands as ClickHouse writes it,
`{gpu:String}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

ROLES = ("operator", "cooling engineer", "capacity planner", "analyst", "finance")

_LINE = re.compile(r"-- (?P<key>[a-z]+): (?P<text>.+)|--   (?P<more>\S.*)")
_PARAM = re.compile(r"(?P<name>[a-z_]+) = (?P<default>\S*) +(?P<meaning>.+)")
_SLOT = re.compile(r"\{(?P<name>[A-Za-z_]\w*):(?P<type>[A-Za-z0-9_(), ]+)\}")


class RecipeError(ValueError):
    """A recipe that cannot be read, or is asked for with wrong parameters; the message says which."""


@dataclass(frozen=True, slots=True)
class Param:
    """What a question is asked about.

    Parameters
    ----------
    name, default, meaning
        `from` and `to` are times, and have no default of their own.
    """

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """One question.

    Parameters
    ----------
    name
        Of the file, and what `coldplate sql --run` calls it.
    title, role, tells
        The question, who asks it, and what its answer says.
    params
        What can be set.
    sql
        The query.
    """

    name: str
    title: str
    role: str
    tells: str
    params: tuple[Param, ...]
    sql: str


@cache
def recipes() -> dict[str, Recipe]:
    """All of them by name, role after role."""
    found = [
        read(entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in files("coldplate.sinks").joinpath("cookbook").iterdir()
        if entry.name.endswith(".sql")
    ]
    found.sort(key=lambda r: (ROLES.index(r.role), r.name))
    return {r.name: r for r in found}


def read(name: str, text: str) -> Recipe:
    """A recipe of its file.

    Raises
    ------
    RecipeError
    """
    said: list[tuple[str, str]] = []
    lines = text.splitlines()
    while lines and (match := _LINE.fullmatch(lines[0])):
        key, more = match["key"], match["more"]
        if more and said:
            said[-1] = (said[-1][0], f"{said[-1][1]} {more}")
        else:
            said.append((key, match["text"]))
        lines.pop(0)
    keys = dict(said)
    sql = "\n".join(lines).strip().removesuffix(";")
    missing = {"title", "role", "tells"} - set(keys)
    if missing or keys["role"] not in ROLES:
        raise RecipeError(f"{name}: needs title, role ({', '.join(ROLES)}) and tells")
    params = tuple(_param(name, text) for key, text in said if key == "param")
    if {p.name for p in params} != {m["name"] for m in _SLOT.finditer(sql)}:
        raise RecipeError(f"{name}: its param lines and what stands in its SQL are not the same")
    return Recipe(name, keys["title"], keys["role"], keys["tells"], params, sql)


def _param(recipe: str, text: str) -> Param:
    match = _PARAM.fullmatch(text)
    if match is None:
        raise RecipeError(f"{recipe}: param {text!r} is not `name = default  meaning`")
    return Param(match["name"], match["default"], match["meaning"])


def fill(sql: str, values: Mapping[str, str]) -> str:
    r"""The SQL with a literal for each `{name:Type}`; times are taken as UTC.

    Raises
    ------
    RecipeError
        When one has no value, or a value stands nowhere.

    Examples
    --------
    >>> fill("SELECT {n:UInt8}, {who:String}", {"n": "3", "who": "O'Neill"})
    "SELECT CAST('3', 'UInt8'), CAST('O\\'Neill', 'String')"
    """
    named = {m["name"] for m in _SLOT.finditer(sql)}
    if missing := sorted(named - set(values)):
        raise RecipeError(f"no value for {', '.join(missing)}")
    if unknown := sorted(set(values) - named):
        there = ", ".join(sorted(named)) or "none"
        raise RecipeError(f"no parameter is called {', '.join(unknown)}; there are: {there}")

    def literal(match: re.Match[str]) -> str:
        text = values[match["name"]].replace("\\", "\\\\").replace("'", "\\'")
        if match["type"].startswith("DateTime"):
            return f"parseDateTime64BestEffort('{text}', 3, 'UTC')"
        return f"CAST('{text}', '{match['type']}')"

    return _SLOT.sub(literal, sql)
