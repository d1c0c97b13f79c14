-- title: What was the row's flow in the minutes before the last page about water?
-- role: operator
-- tells: Ten minutes up to two minutes after it opened, of every rack of that row, so that one rack or all of them can be
--   told apart.
WITH (
    SELECT (opened_at, rack) FROM incidents_now
    WHERE severity IN ('warning', 'critical') AND subject LIKE '%/cdu' ORDER BY opened_at DESC LIMIT 1
) AS page
SELECT rack, dateDiff('second', toDateTime(page.1), t) AS after_page_s, flow_lpm, pump1_rpm, pump2_rpm, supply_c, return_c
FROM flow_by_rack
WHERE row = (SELECT row FROM inventory FINAL WHERE kind = 'rack' AND id = page.2)
    AND t >= toDateTime(page.1) - INTERVAL 10 MINUTE AND t < toDateTime(page.1) + INTERVAL 2 MINUTE
ORDER BY rack, t
