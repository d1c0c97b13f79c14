"""Tables of what happened: incidents that were open in the time shown, and a line that says so where there is none."""

from grafana_foundation_sdk.builders import table

from coldplate.dashboards.panels import link, rows, units
from coldplate.dashboards.units import unit_of

_OPEN_THEN = "opened_at <= $__toTime AND ifNull(closed_at, now64(3)) >= $__fromTime"
_RANK = "indexOf(['info', 'ticket', 'warning', 'critical'], severity)"


def incidents(title: str, about: str, where: str, span: int) -> table.Panel:
    """A table of incidents, the open ones first, then the worst; racks lead to their dashboard.

    Parameters
    ----------
    title, about, span
        As of `rows`.
    where
        Condition on `incidents_now`.
    """
    sql = (
        "SELECT opened_at AS opened, severity, state, kind, subject, rack, cause,"
        " dateDiff('second', opened_at, closed_at) AS lasted_s, length(affected) AS affected, acked_by, outcome, id"
        f" FROM incidents_now WHERE {_OPEN_THEN} AND ({where})"
        f" ORDER BY state = 'open' DESC, {_RANK} DESC, opened_at DESC LIMIT 200"
        " UNION ALL SELECT NULL AS opened, '' AS severity, '' AS state, 'none' AS kind, '' AS subject, '' AS rack, '' AS cause,"
        " NULL AS lasted_s, 0 AS affected, '' AS acked_by, '' AS outcome, '' AS id"
        f" WHERE (SELECT count() FROM incidents_now WHERE {_OPEN_THEN} AND ({where})) = 0 LIMIT 1"
    )
    panel = rows(title, about, sql, span=span)
    return link(units(panel, {"lasted_s": unit_of("lasted_s")}), "rack", "rack", "rack")
