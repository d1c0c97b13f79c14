-- title: How fast does the hall's load change?
-- role: capacity planner
-- tells: The largest change of the hall's meter from one minute to the next, up and down: what the grid's operator asks
--   about.
-- param: from = -24h begin
-- param: to = now end
SELECT t, round(kw, 1) AS kw, round(kw - lagged_kw, 2) AS change_kw
FROM
(
    SELECT m.t AS t, m.hall_power_w_mean / 1000 AS kw, lagInFrame(kw, 1, kw) OVER (PARTITION BY m.device ORDER BY m.t) AS lagged_kw
    FROM hall_1m AS m
    WHERE m.t >= {from:DateTime} AND m.t < {to:DateTime}
)
ORDER BY abs(change_kw) DESC
LIMIT 10
