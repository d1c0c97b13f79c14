-- title: What did each rack use, by the hour?
-- role: finance
-- tells: By its GPUs and by its own meter, from the rollups that are kept for years.
-- param: from = -24h begin
-- param: to = now end
SELECT rack, hour, round(gpus_kwh, 3) AS gpus_kwh, round(rack_kwh, 3) AS rack_kwh, hottest_c
FROM energy_by_rack_hour
WHERE hour >= {from:DateTime} AND hour < {to:DateTime}
ORDER BY rack, hour
