-- title: Whose power swings, how fast and how far?
-- role: analyst
-- tells: Seen within each tick, so that a swing faster than the samples keeps its true frequency. Many GPUs of one job
--   swing in step: the hall's feed sees their sum.
-- param: from = -24h begin
-- param: to = now end
SELECT gpu, round(avg(swing_hz), 2) AS mean_hz, max(swing_w) AS widest_w, max(highest_w) AS highest_w, min(lowest_w) AS lowest_w, count() AS minutes
FROM swings
WHERE t >= {from:DateTime} AND t < {to:DateTime}
GROUP BY gpu
ORDER BY widest_w DESC
LIMIT 10
