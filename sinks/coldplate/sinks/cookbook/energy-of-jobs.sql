-- title: What did each job burn?
-- role: finance
-- tells: Exactly its GPUs, minute by minute; jobs that share a GPU share its energy. The node's other parts are not in
--   it.
-- param: from = -24h first day
SELECT job, user, gpus, round(gpu_hours, 2) AS gpu_h, round(used_kwh, 3) AS kwh, round(1000 * used_kwh / gpu_hours) AS mean_w
FROM
(
    SELECT job, any(user) AS user, max(gpus) AS gpus, sum(gpu_h) AS gpu_hours, sum(kwh) AS used_kwh
    FROM energy_by_job
    WHERE day >= toDate({from:DateTime})
    GROUP BY job
)
ORDER BY kwh DESC
