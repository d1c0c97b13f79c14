"""Queries as ClickHouse gets them: what Grafana puts in for variables, then what the data source's plugin puts in for macros.

Three steps, in their order: `$__conditionalAll` and variables in the browser, macros on Grafana's server. Whatever the
real ones refuse raises `MacroError` here.

References
----------
grafana-clickhouse-datasource 4: `pkg/macros/macros.go`, `CHDatasource.applyConditionalAll`. grafana-plugin-sdk-go:
`sqlutil.Interpolate` (an argument list has to follow the name at once). Grafana: `rangeutil.calculateInterval`, and
`CustomAllValue` of scenes, by which a value for all is put in as it is, whatever format is asked for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote


class MacroError(ValueError):
    """Grafana or the plugin would refuse the query."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen of a variable.

    Parameters
    ----------
    name
        Of the variable.
    value
        The chosen one; with `everything` the variable's own value for all.
    everything
        True when All is chosen.
    """

    name: str
    value: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """The time that a panel shows.

    Parameters
    ----------
    from_ms, to_ms
        Unix milliseconds.
    points
        How many it can show: its width in pixels.
    least_ms
        The panel's or the data source's least interval.
    """

    from_ms: int
    to_ms: int
    points: int = 1000
    least_ms: int = 1

    @property
    def interval_ms(self) -> int:
        """Between two points, a round number.

        Examples
        --------
        >>> Shown(0, 86_400_000).interval_ms, Shown(0, 900_000).interval_ms
        (60000, 1000)
        """
        wanted = (self.to_ms - self.from_ms) / self.points
        rounded = next((ms for below, ms in _ROUND if wanted < below), _ROUND_MAX)
        return max(rounded, self.least_ms)

    @property
    def interval(self) -> str:
        """In Grafana's words: the largest unit alone."""
        seconds = self.interval_ms / 1000
        for letter, length in (("y", 31_536_000), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
            if seconds >= length:
                return f"{int(seconds // length)}{letter}"
        return f"{self.interval_ms}ms"


_ROUND = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000), (7500, 5000),
    (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000), (90_000, 60_000), (210_000, 120_000),
    (450_000, 300_000), (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000), (32_400_000, 21_600_000),
    (86_400_000, 43_200_000), (604_800_000, 86_400_000), (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip
_ROUND_MAX = 31_536_000_000


def expand(sql: str, shown: Shown, choices: Sequence[Choice] = ()) -> str:
    """The query that reaches ClickHouse.

    Raises
    ------
    MacroError
        An argument list is not closed, or has the wrong length; a format is unknown.
    """
    chosen = {c.name: c for c in choices}
    return with_macros(with_variables(with_conditions(sql, chosen), shown, chosen), shown)


def with_conditions(sql: str, chosen: Mapping[str, Choice]) -> str:
    """Put in `$__conditionalAll(condition, $variable)`: the condition, or what is always true for all."""
    word = "$__conditionalAll"
    while (at := sql.rfind(f"{word}(")) >= 0:
        args, length = _arguments(sql[at + len(word) :])
        if len(args) != 2:
            raise MacroError(f"{word}: 2 arguments, not {len(args)}")
        name = re.search(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+", args[1])
        choice = chosen.get(name[0]) if name else None
        every = choice is not None and (choice.everything or not choice.value)
        sql = sql[:at] + ("1=1" if every else args[0]) + sql[at + len(word) + length :]
    return sql


_VARIABLE = re.compile(
    r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}"
)


def with_variables(sql: str, shown: Shown, chosen: Mapping[str, Choice]) -> str:
    """Put in variables; what is none stays, for it may be a macro."""
    own = {
        "__interval": shown.interval, "__interval_ms": str(shown.interval_ms),
        "__from": str(shown.from_ms), "__to": str(shown.to_ms),
    }  # fmt: skip

    def put(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        form = found[3] or found[6] or ""
        if name in own:
            return own[name]
        return _formatted(chosen[name], form) if name in chosen else found[0]

    return _VARIABLE.sub(put, sql)


def _formatted(choice: Choice, form: str) -> str:
    if choice.everything and form in ("text", "queryparam"):
        return "All" if form == "text" else f"var-{choice.name}=All"
    if choice.everything and form != "percentencode":
        return choice.value
    if form not in _FORMATS:
        raise MacroError(f"{choice.name}: the format {form!r} is unknown")
    return _FORMATS[form](choice)


_FORMATS: dict[str, Callable[[Choice], str]] = {
    "": lambda c: c.value,
    "raw": lambda c: c.value,
    "text": lambda c: c.value,
    "csv": lambda c: c.value,
    "sqlstring": lambda c: "'" + c.value.replace("'", "''") + "'",
    "singlequote": lambda c: "'" + c.value.replace("'", "\\'") + "'",
    "doublequote": lambda c: '"' + c.value.replace('"', '\\"') + '"',
    "percentencode": lambda c: quote(c.value, safe=""),
    "queryparam": lambda c: f"var-{c.name}={quote(c.value, safe='')}",
}


Macro = Callable[[Shown, Sequence[str]], str]


def with_macros(sql: str, shown: Shown, macros: Mapping[str, Macro] | None = None) -> str:
    """Put in the plugin's macros, or others, the longest name first."""
    macros = MACROS if macros is None else macros
    for name in sorted(macros, key=len, reverse=True):
        for found in list(re.finditer(rf"\$__{name}\b", sql)):
            rest = found.string[found.end() :]
            args, length = _arguments(rest, found[0])
            whole = found[0] + rest[:length]
            sql = sql.replace(whole, macros[name](shown, args))
    return sql


def _arguments(text: str, name: str = "a macro") -> tuple[list[str], int]:
    """Arguments in the brackets with which a text begins, and the length of these; none without brackets."""
    if not text.startswith("("):
        return [], 0
    args, depth, begin = list[str](), 0, 1
    for at, letter in enumerate(text):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        if (letter == "," and depth == 1) or depth == 0:
            args.append(text[begin:at].strip())
            begin = at + 1
        if depth == 0:
            return args, at + 1
    raise MacroError(f"{name}: its bracket is not closed")


def _seconds(at_ms: int) -> str:
    return f"toDateTime({at_ms // 1000})"


def _milliseconds(at_ms: int) -> str:
    return f"fromUnixTimestamp64Milli({at_ms})"


def _date(at_ms: int) -> str:
    return f"toDate('{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}')"


def _within(shown: Shown, column: str, moment: Callable[[int], str]) -> str:
    return f"{column} >= {moment(shown.from_ms)} AND {column} <= {moment(shown.to_ms)}"


def _of(count: int, args: Sequence[str]) -> Sequence[str]:
    if len(args) != count:
        raise MacroError(f"expected {count} argument{'s' * (count > 1)}, received {len(args)}")
    return args


def _date_and_time(shown: Shown, args: Sequence[str]) -> str:
    date, time = _of(2, args)
    return f"({_within(shown, date, _date)}) AND ({_within(shown, time, _seconds)})"


def _interval_s(shown: Shown) -> int:
    return max(shown.interval_ms // 1000, 1)


MACROS: dict[str, Macro] = {
    "fromTime": lambda s, _: _seconds(s.from_ms),
    "toTime": lambda s, _: _seconds(s.to_ms),
    "fromTime_ms": lambda s, _: _milliseconds(s.from_ms),
    "toTime_ms": lambda s, _: _milliseconds(s.to_ms),
    "timeFilter": lambda s, a: _within(s, _of(1, a)[0], _seconds),
    "timeFilter_ms": lambda s, a: _within(s, _of(1, a)[0], _milliseconds),
    "dateFilter": lambda s, a: _within(s, _of(1, a)[0], _date),
    "dateTimeFilter": _date_and_time,
    "dt": _date_and_time,
    "timeInterval": lambda s, a: (
        f"toStartOfInterval(toDateTime({_of(1, a)[0]}), INTERVAL {_interval_s(s)} second)"
    ),
    "timeInterval_ms": lambda s, a: (
        f"toStartOfInterval(toDateTime64({_of(1, a)[0]}, 3), INTERVAL {max(s.interval_ms, 1)} millisecond)"
    ),
    "interval_s": lambda s, _: str(_interval_s(s)),
}
"""By name, without `$__`."""
