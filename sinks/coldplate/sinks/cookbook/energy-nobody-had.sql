-- title: How much energy went into GPUs without a job?
-- role: finance
-- tells: All that the GPUs used, less what jobs had: idle power, and work that no scheduler knows of.
-- param: from = -24h first day
SELECT t.day AS day, round(t.kwh, 3) AS gpus_kwh, round(ifNull(j.kwh, 0), 3) AS jobs_kwh, round(gpus_kwh - jobs_kwh, 3) AS nobody_kwh,
    round(nobody_kwh / gpus_kwh, 3) AS share
FROM (SELECT toDate(t) AS day, sum(used) / 3.6e9 AS kwh FROM gpu_1m_stats GROUP BY day) AS t
LEFT JOIN (SELECT day, sum(kwh) AS kwh FROM energy_by_job GROUP BY day) AS j ON j.day = t.day
WHERE day >= toDate({from:DateTime})
ORDER BY day
