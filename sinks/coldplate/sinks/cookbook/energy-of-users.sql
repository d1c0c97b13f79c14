-- title: What did each user burn, day by day?
-- role: finance
-- tells: For the bill, or for the report to whom it concerns.
-- param: from = -24h first day
SELECT day, user, uniqExact(job) AS jobs, round(sum(gpu_h), 2) AS gpu_h, round(sum(kwh), 3) AS kwh
FROM energy_by_job
WHERE day >= toDate({from:DateTime})
GROUP BY day, user
ORDER BY day, kwh DESC
