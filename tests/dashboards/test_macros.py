"""Queries as Grafana and the data source's plugin put in variables and macros: by their sources, and by their engine."""

import json
import subprocess
from pathlib import Path

import pytest

from coldplate.console.benching.telegraf import peers_folder
from coldplate.dashboards.catalogue import all_boards
from coldplate.dashboards.check import asked, choices
from coldplate.dashboards.macros import (
    MACROS,
    Choice,
    MacroError,
    Shown,
    expand,
    with_macros,
    with_variables,
)

FROM_MS, TO_MS = 1_415_792_726_371, 1_415_796_326_371
SHOWN = Shown(FROM_MS, TO_MS)
RACK, ALL = Choice("rack", "rack-0001"), Choice("rack", "'all'", everything=True)
PEER = Path(__file__).parent / "macropeer"
ODD = (
    "SELECT $__interval_s, $__toTime, now64(3)", "($__toTime)", "$__timeFilter( f(a, b) ) AND x", "$__timeFilter_ms(t)$__timeFilter(t)",
    "$__dt(a, b) $__dateTimeFilter(toDate(a), b)", "$__timeFilters(t)", "$__timeFilter(t", "$__fromTime_ms()", "$__timeInterval($__fromTime)",
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("$__fromTime", "toDateTime(1415792726)"),
        ("$__toTime", "toDateTime(1415796326)"),
        ("$__fromTime_ms", "fromUnixTimestamp64Milli(1415792726371)"),
        ("$__toTime_ms", "fromUnixTimestamp64Milli(1415796326371)"),
        ("$__timeFilter(t)", "t >= toDateTime(1415792726) AND t <= toDateTime(1415796326)"),
        ("$__timeFilter_ms(t)", "t >= fromUnixTimestamp64Milli(1415792726371) AND t <= fromUnixTimestamp64Milli(1415796326371)"),
        ("$__dateFilter(d)", "d >= toDate('2014-11-12') AND d <= toDate('2014-11-12')"),
        ("$__dt(d, t)", "(d >= toDate('2014-11-12') AND d <= toDate('2014-11-12')) AND (t >= toDateTime(1415792726) AND t <= toDateTime(1415796326))"),
        ("$__timeInterval(t)", "toStartOfInterval(toDateTime(t), INTERVAL 5 second)"),
        ("$__timeInterval_ms(t)", "toStartOfInterval(toDateTime64(t, 3), INTERVAL 5000 millisecond)"),
        ("$__interval_s $__interval $__interval_ms", "5 5s 5000"),
        ("$__from ${__to}", "1415792726371 1415796326371"),
        ("$__timeFilter(f(a, b))", "f(a, b) >= toDateTime(1415792726) AND f(a, b) <= toDateTime(1415796326)"),
        ("$__toTime, now64(3)", "toDateTime(1415796326), now64(3)"),
    ],
)  # fmt: skip
def test_a_macro_becomes_what_the_plugin_makes_of_it(sql, expected):
    """Each macro, as `pkg/macros/macros.go` writes it."""
    assert expected == expand(sql, SHOWN)


@pytest.mark.parametrize(
    ("sql", "one", "everything"),
    [
        ("${rack:sqlstring}", "'rack-0001'", "'all'"),
        ("${rack:singlequote}", "'rack-0001'", "'all'"),
        ("$rack", "rack-0001", "'all'"),
        ("[[rack]]", "rack-0001", "'all'"),
        ("${rack:queryparam}", "var-rack=rack-0001", "var-rack=All"),
        ("${rack:text}", "rack-0001", "All"),
        ("$racks ${other}", "$racks ${other}", "$racks ${other}"),
        ("$__conditionalAll(r IN (f($rack, 1)), $rack)", "r IN (f(rack-0001, 1))", "1=1"),
    ],
)
def test_a_value_for_all_is_put_in_as_it_is(sql, one, everything):
    """Grafana formats what was chosen, but not a dashboard's own value for all."""
    assert one == expand(sql, SHOWN, [RACK])
    assert everything == expand(sql, SHOWN, [ALL])


def test_quotes_within_a_name_are_doubled():
    """A name cannot end the text that it is put into."""
    assert "'o''brien'" == with_variables(
        "${rack:sqlstring}", SHOWN, {"rack": Choice("rack", "o'brien")}
    )


@pytest.mark.parametrize(
    "sql", ["$__timeFilter", "$__timeFilter(a, b)", "$__timeFilter(t", "$__dt(a)", "${rack:nosuch}"]
)
def test_what_the_plugin_refuses_is_refused(sql):
    """Too few arguments, too many, an open bracket, a format that nobody knows."""
    with pytest.raises(MacroError):
        expand(sql, SHOWN, [RACK])


@pytest.mark.parametrize(
    ("hours", "points", "least_ms", "interval_ms", "words"),
    [
        (0.25, 1000, 1, 1000, "1s"), (1, 1000, 1, 5000, "5s"), (1, 1000, 10_000, 10_000, "10s"), (24, 1000, 1, 60_000, "1m"),
        (24, 500, 1, 120_000, "2m"), (7 * 24, 1000, 1, 600_000, "10m"), (30 * 24, 1000, 1, 1_800_000, "30m"), (0.001, 1000, 1, 1, "1ms"),
        (24 * 365 * 100, 10, 1, 31_536_000_000, "1y"),
    ],
)  # fmt: skip
def test_the_interval_is_grafanas(hours, points, least_ms, interval_ms, words):
    """The time shown by the panel's width, rounded by Grafana's table, not below the least one."""
    shown = Shown(0, int(hours * 3_600_000), points, least_ms)
    assert (interval_ms, words) == (shown.interval_ms, shown.interval)


@pytest.mark.peers
def test_the_engine_of_grafanas_plugins_finds_the_same_macros_and_arguments():
    """On every query of ours and on odd ones; the plugin's own formulas are not to be had as a Go module."""
    program = peers_folder() / "macropeer"
    if not program.is_file():
        pytest.skip(f"not made; in {PEER.name}: go build -o {program} .")
    queries = [
        with_variables(a.sql, SHOWN, {c.name: c for c in choices(model, {})})
        for model in (board.model() for board in all_boards())
        for a in asked("", model)
    ]
    given = json.dumps({"macros": list(MACROS), "queries": [*queries, *ODD]})
    ran = subprocess.run([program], input=given, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [_shown(sql) for sql in (*queries, *ODD)]


def _shown(sql):
    """A query with each macro's name and arguments in its place."""
    macros = {name: lambda _, args, name=name: f"<{name}|{'|'.join(args)}>" for name in MACROS}
    try:
        return with_macros(sql, SHOWN, macros)
    except MacroError:
        return "error"
