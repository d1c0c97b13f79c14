-- title: Which GPUs got hotter at equal power?
-- role: cooling engineer
-- tells: The newest day's thermal resistance against that of the first day: what changed is the plate, the paste or the
--   flow, not the load. `coldplate forecast` says when that leads to throttling.
-- param: from = -30d first day
SELECT gpu, min(day) AS first_day, max(day) AS last_day, round(argMin(k_per_w, day), 4) AS then_k_per_w,
    round(argMax(k_per_w, day), 4) AS now_k_per_w, round(100 * (now_k_per_w / then_k_per_w - 1), 1) AS rise_percent,
    round((now_k_per_w - then_k_per_w) * 700, 1) AS hotter_at_700_w_c
FROM thermal_resistance_daily
WHERE day >= toDate({from:DateTime})
GROUP BY gpu
ORDER BY rise_percent DESC
LIMIT 10
