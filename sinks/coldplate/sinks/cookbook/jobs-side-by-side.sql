-- title: How do the jobs compare: GPUs, power, clocks, heat?
-- role: analyst
-- tells: What each job did to its GPUs, minute by minute on exactly the GPUs that it had.
-- param: from = -24h begin
-- param: to = now end
SELECT j.job AS job, any(j.user) AS user, uniqExact(j.gpu) AS gpus, round(avg(m.power_w_mean)) AS power_w, max(m.power_max_w_max) AS highest_w,
    round(avg(m.sm_clock_mhz_mean)) AS sm_clock_mhz, max(m.gpu_c_max) AS hottest_c, round(avg(m.gpu_util_ratio_mean), 3) AS gpu_util_ratio
FROM gpu_1m AS m
INNER JOIN job_devices AS j ON j.device = m.device
WHERE m.t >= {from:DateTime} AND m.t < {to:DateTime} AND m.t >= j.since AND m.t < j.until
GROUP BY job
ORDER BY job
