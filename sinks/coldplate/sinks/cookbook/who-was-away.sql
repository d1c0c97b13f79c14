-- title: Which GPUs were away, and for how long?
-- role: operator
-- tells: Minutes of a day without a sample, planned ones left out: `ratio` is what service levels are agreed on.
-- param: from = -24h first day
SELECT day, gpu, seen_minutes, planned_minutes, expected AS expected_minutes, round(ratio, 4) AS ratio
FROM availability
WHERE day >= toDate({from:DateTime})
ORDER BY ratio, day, gpu
LIMIT 10
