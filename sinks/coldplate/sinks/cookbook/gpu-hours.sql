-- title: How many GPU hours had a job, and how busy were they?
-- role: capacity planner
-- tells: What was bought, what was given away, and what was used of it.
-- param: from = -24h first day
SELECT u.day AS day, round(u.seen_h, 1) AS gpu_h, round(ifNull(g.job_gpu_h, 0), 1) AS job_gpu_h, round(u.busy_h, 1) AS busy_gpu_h
FROM
(
    SELECT toDate(t) AS day, count() / 60 AS seen_h, sum(gpu_util_ratio_mean) / 60 AS busy_h
    FROM gpu_1m
    WHERE t >= {from:DateTime}
    GROUP BY day
) AS u
LEFT JOIN (SELECT day, sum(gpu_h) AS job_gpu_h FROM energy_by_job GROUP BY day) AS g ON g.day = u.day
ORDER BY day
