-- title: How much does each rack draw now, by its GPUs and by its own meter?
-- role: operator
-- tells: What is left between the two is CPUs, memory, network and losses.
SELECT g.rack AS rack, count() AS gpus, round(sum(g.power_w) / 1000, 2) AS gpus_kw, round(any(r.rack_power_w) / 1000, 2) AS rack_kw
FROM gpu_now AS g
LEFT JOIN rack_now AS r ON r.id = g.rack
GROUP BY rack
ORDER BY gpus_kw DESC
