"""Incidents: what is open, how fast it is found and mended, what causes it, and what people said of it."""

from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.panels import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    THIRD,
    WHOLE,
    bars,
    limits,
    link,
    number,
    rows,
    states,
    units,
)
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import ALL, chosen
from coldplate.wire.fault import FAMILIES

LEVELS = ("hall", "row", "rack")
SEVERITIES = {"info": GREY, "ticket": BLUE, "warning": ORANGE, "critical": RED}
"""From harmless on, with their colours."""

_ALL = " AND ".join(f"${{{level}:sqlstring}} = '{ALL}'" for level in LEVELS)
_PLACED = " AND ".join(chosen(level) for level in LEVELS)
_HERE = f"(({_ALL}) OR rack IN (SELECT rack FROM inventory FINAL WHERE {_PLACED}) OR rack IN (SELECT hall FROM inventory FINAL WHERE {_PLACED}))"
"""Of racks that are chosen, and of the hall that they stand in."""

_OPENED = f"$__timeFilter(opened_at) AND {_HERE}"
_PAGES = "severity IN ('warning', 'critical')"


def _open(severity: str) -> str:
    return f"SELECT count() AS incidents FROM incidents_now WHERE state = 'open' AND severity = '{severity}' AND {_HERE} LIMIT 1"


def _mean(value: str, where: str) -> str:
    return f"SELECT avgOrNull({value}) AS mean_s FROM incidents_now WHERE {_OPENED} AND {where} LIMIT 1"


_FAMILY = (
    "transform(kind, [{kinds}], [{names}], multiIf(startsWith(kind, 'xid'), 'errors', startsWith(kind, 'healthy-'), 'look-alike', 'other'))"
).format(
    kinds=", ".join(f"'{kind}'" for kinds in FAMILIES.values() for kind in kinds),
    names=", ".join(f"'{name}'" for name, kinds in FAMILIES.items() for _ in kinds),
)
"""Family of a kind of fault; every XID is an error of the GPU or its application."""

_RANK = "indexOf(['info', 'ticket', 'warning', 'critical'], {})"
_TIMELINE = (
    "SELECT greatest(s.t, toDateTime64($__fromTime, 3)) AS time, concat(n.kind, ' ', n.subject) AS incident,"
    " max(s.severity_rank) AS severity FROM ("
    f"SELECT id, updated_at AS t, if(state = 'open', {_RANK.format('severity')}, 0) AS severity_rank FROM incidents FINAL"
    " WHERE updated_at <= $__toTime"
    " UNION ALL SELECT id, assumeNotNull(closed_at) AS t, 0 AS severity_rank FROM incidents_now WHERE closed_at IS NOT NULL) AS s"
    f" INNER JOIN (SELECT id, kind, subject FROM incidents_now WHERE opened_at <= $__toTime AND ifNull(closed_at, now64(3)) >= $__fromTime"
    f" AND {_HERE} ORDER BY {_RANK.format('severity')} DESC, opened_at DESC LIMIT 40) AS n ON n.id = s.id"
    " GROUP BY time, incident ORDER BY time LIMIT 5000"
)
_LIST = (
    "SELECT opened_at AS opened, severity, state, kind, subject, rack, length(affected) AS affected, cause,"
    " dateDiff('second', first_tick_at, opened_at) AS found_s, dateDiff('second', opened_at, closed_at) AS mended_s,"
    " acked_by, outcome, outcome_text AS `what it was`, id"
    f" FROM incidents_now WHERE opened_at <= $__toTime AND ifNull(closed_at, now64(3)) >= $__fromTime AND {_HERE}"
    f" ORDER BY state = 'open' DESC, {_RANK.format('severity')} DESC, opened_at DESC LIMIT 500"
)
_BY_FAMILY = (
    f"SELECT {_FAMILY} AS family, countIf({_PAGES}) AS pages, countIf(severity = 'ticket') AS tickets, countIf(severity = 'info') AS infos"
    f" FROM incidents_now WHERE {_OPENED} GROUP BY family ORDER BY pages DESC, tickets DESC LIMIT 40"
)
_BY_DAY = (
    "SELECT toString(toDate(opened_at)) AS day, countIf(severity = 'critical') AS critical, countIf(severity = 'warning') AS warning"
    f" FROM incidents_now WHERE {_OPENED} GROUP BY day ORDER BY day LIMIT 400"
)
_BY_KIND = (
    "SELECT kind, count() AS incidents, avg(dateDiff('second', first_tick_at, opened_at)) AS found_s,"
    " max(dateDiff('second', first_tick_at, opened_at)) AS found_worst_s,"
    " avgOrNull(dateDiff('second', opened_at, closed_at)) AS mended_s,"
    " countIf(throttle_seen_at IS NOT NULL) AS throttled,"
    " countIf(outcome = 'false') AS `said to be false`"
    f" FROM incidents_now WHERE {_OPENED} GROUP BY kind ORDER BY incidents DESC LIMIT 100"
)
_OUTCOMES = (
    "SELECT if(outcome = '', 'nothing said', outcome) AS said, count() AS incidents"
    f" FROM incidents_now WHERE {_OPENED} GROUP BY said ORDER BY incidents DESC LIMIT 10"
)
_DEEDS = (
    "SELECT a.t AS at, a.who AS who, a.verb AS did, n.kind AS kind, n.subject AS subject, a.outcome AS outcome, a.text AS text, a.receiver AS receiver"
    " FROM (SELECT * FROM actions FINAL WHERE $__timeFilter(t)) AS a"
    f" INNER JOIN (SELECT id, kind, subject FROM incidents_now WHERE {_HERE}) AS n ON n.id = a.incident ORDER BY at DESC LIMIT 500"
)
_SENT = (
    "SELECT 'all' AS to, {counts} FROM actions FINAL WHERE {where} LIMIT 1"
    " UNION ALL SELECT if(receiver = '', 'no one', receiver) AS to, {counts} FROM actions FINAL WHERE {where} GROUP BY to ORDER BY sent DESC LIMIT 50"
).format(
    counts="countIf(verb = 'sent') AS sent, countIf(verb = 'held') AS held, countIf(verb = 'dead') AS dead, countIf(verb = 'dropped') AS dropped",
    where="$__timeFilter(t) AND verb IN ('sent', 'held', 'dead', 'dropped')",
)
_CHANGES = (
    "SELECT t AS at, severity, kind, subject, what, who, why, since_opened_s FROM incident_timeline"
    f" WHERE $__timeFilter(t) AND {_HERE} ORDER BY at DESC, step DESC LIMIT 500"
)
_HARMED = (
    "SELECT arrayJoin(affected) AS gpu, any(rack) AS `rack of the cause`, count() AS incidents, groupUniqArray(kind) AS kinds, min(throttle_at) AS `may throttle at`"
    f" FROM incidents_now WHERE state = 'open' AND {_HERE} GROUP BY gpu ORDER BY incidents DESC, gpu LIMIT 500"
    " UNION ALL SELECT 'none' AS gpu, '' AS `rack of the cause`, 0 AS incidents, [] AS kinds, NULL AS `may throttle at`"
    f" WHERE (SELECT countIf(state = 'open' AND notEmpty(affected) AND {_HERE}) FROM incidents_now) = 0 LIMIT 1"
)
_LEMONS = (
    "SELECT id, device_kind AS device, serial, rack, incidents, pages, kinds, first_at, last_at"
    f" FROM lemons WHERE {_HERE} ORDER BY incidents DESC, id LIMIT 200"
)
_SILENCES = (
    "SELECT id, subject, kind, reason, who, since, until, cron, planned FROM silences_now ORDER BY until LIMIT 200"
    " UNION ALL SELECT 'none' AS id, '' AS subject, '' AS kind, '' AS reason, '' AS who, toDateTime64(0, 3, 'UTC') AS since,"
    " toDateTime64(0, 3, 'UTC') AS until, '' AS cron, false AS planned WHERE (SELECT count() FROM silences_now) = 0 LIMIT 200"
)
_WORDS = {0: "over", **dict(enumerate(SEVERITIES, 1))}


def _shades() -> list[ValueMapping]:
    colours = dict(zip(_WORDS, ("transparent", *SEVERITIES.values()), strict=True))
    options = {
        str(rank): ValueMappingResult(text=word, color=colours[rank], index=rank)
        for rank, word in _WORDS.items()
    }
    return [ValueMap(options=options)]


BOARD = Board(
    "incidents",
    "Incidents",
    "What is open, how fast it is found and mended, what causes it, and what people said of it.",
    [
        Section("Open now", [
            *(
                number(f"Open: {word}", f"Incidents of severity {word} that are open now.", "short", _open(word), span=3)
                .thresholds(limits((1, colour)))
                for word, colour in reversed(SEVERITIES.items())
            ),
            number(
                "Not acknowledged", "Open pages of which nobody has said that they take care.", "short",
                f"SELECT count() AS incidents FROM incidents_now WHERE state = 'open' AND {_PAGES} AND acked_by = '' AND {_HERE} LIMIT 1", span=3,
            ).thresholds(limits((1, RED))),
            number(
                "Mean time to detect", "From the first tick that showed it to the incident, of those opened in the time shown.",
                unit_of("mean_s"), _mean("dateDiff('millisecond', first_tick_at, opened_at) / 1000", "1"), span=3,
            ),
            number(
                "Mean time to repair", "From opening to closing, of those opened in the time shown that are closed.",
                unit_of("mean_s"), _mean("dateDiff('millisecond', opened_at, closed_at) / 1000", "closed_at IS NOT NULL"), span=3,
            ),
            number(
                "Pages", "Warnings and worse that were opened in the time shown.", "short",
                f"SELECT count() AS incidents FROM incidents_now WHERE {_OPENED} AND {_PAGES} LIMIT 1", span=3,
            ),
        ]),
        Section("What happened", [
            states("Course", "Each incident's severity over time, the forty worst.", _TIMELINE).mappings(_shades()),
            link(units(
                rows("List", "Those that were open in the time shown: the open ones first, the worst first.", _LIST, span=WHOLE),
                {name: unit_of(name) for name in ("found_s", "mended_s")},
            ), "rack", "rack", "rack"),
            units(
                rows("Changes", "What detection said, and what people and the alerter did, the newest first.", _CHANGES, span=WHOLE),
                {"since_opened_s": unit_of("since_opened_s")},
            ),
        ]),
        Section("Causes", [
            bars("By family of causes", "Opened in the time shown: pages, tickets and what only informs.", "short", _BY_FAMILY, span=THIRD),
            bars("Pages a day", "Warnings and worse by the day on which they were opened.", "short", _BY_DAY, span=THIRD),
            bars("What it turned out to be", "As people marked it.", "short", _OUTCOMES, span=THIRD),
            units(
                rows("By kind", "How fast each kind is found and mended, and how often a GPU throttled before.", _BY_KIND, span=WHOLE),
                {name: unit_of(name) for name in ("found_s", "found_worst_s", "mended_s")},
            ),
        ]),
        Section("People", [
            rows("Deeds", "Acknowledged, closed, marked, noted; sent and held by the alerter.", _DEEDS, span=16),
            bars("Messages", "What the alerter did with them, by receiver.", "short", _SENT, span=THIRD),
            rows("Silences", "That hold now or will.", _SILENCES, span=WHOLE).override_by_name(
                "planned", [DynamicConfigValue(id_val="unit", value="bool_yes_no")]
            ),
        ]),
        Section("Devices", [
            link(rows("Affected now", "Devices that open incidents harm.", _HARMED), "gpu", "gpu", "gpu"),
            link(
                rows("Lemons", "GPUs and nodes that were the cause twice or more within 30 days.", _LEMONS),
                "rack", "rack", "rack",
            ),
        ]),
    ],
    levels=LEVELS,
    from_="now-24h",
    refresh="30s",
)  # fmt: skip
