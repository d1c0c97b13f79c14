-- title: Which GPUs are cooled worst for what they burn?
-- role: cooling engineer
-- tells: Kelvin a watt between GPU and coolant, and how far above the median of its rack. A fouled plate stands out at
--   any load.
-- param: from = -24h first day
SELECT gpu, day, round(k_per_w, 4) AS k_per_w, round(k_per_w / median(k_per_w) OVER (PARTITION BY rack, day), 3) AS of_rack, hours,
    round(power_w) AS power_w
FROM thermal_resistance_daily
WHERE day >= toDate({from:DateTime})
ORDER BY of_rack DESC
LIMIT 10
