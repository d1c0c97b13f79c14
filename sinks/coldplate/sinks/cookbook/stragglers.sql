-- title: Which GPU holds its job up?
-- role: analyst
-- tells: The mean clock of each GPU of a job against the median of the job's GPUs: in a synchronous job the slowest sets
--   the pace.
-- param: from = -24h begin
-- param: to = now end
SELECT job, gpu, round(mhz) AS sm_clock_mhz, round(mhz / median(mhz) OVER (PARTITION BY job), 4) AS of_job, hottest_c
FROM
(
    SELECT g.job AS job, g.gpu AS gpu, avg(m.sm_clock_mhz_mean) AS mhz, max(m.gpu_c_max) AS hottest_c
    FROM gpu_1m AS m
    INNER JOIN job_devices AS g ON g.device = m.device
    WHERE m.t >= {from:DateTime} AND m.t < {to:DateTime} AND m.t >= g.since AND m.t < g.until
    GROUP BY job, gpu
)
ORDER BY of_job
LIMIT 10
