-- title: How many incidents were there, of which kinds, and how long did they last?
-- role: operator
-- tells: `incidents_now` has each incident as it was changed last; a page is a warning or worse.
-- param: from = -24h begin
-- param: to = now end
SELECT kind, count() AS incidents, countIf(state = 'open') AS open_now, countIf(severity IN ('warning', 'critical')) AS pages,
    round(avgIf(dateDiff('second', opened_at, closed_at), state = 'closed')) AS mean_s, max(opened_at) AS newest
FROM incidents_now
WHERE opened_at >= {from:DateTime} AND opened_at < {to:DateTime}
GROUP BY kind
ORDER BY pages DESC, incidents DESC
