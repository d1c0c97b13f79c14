-- title: How much carbon dioxide is that?
-- role: finance
-- tells: The racks' energy by day, times the building's overhead, times the grid's intensity; take the hour's own figure
--   where there is one.
-- param: from = -24h begin
-- param: to = now end
-- param: pue = 1.15 building's energy over the racks'
-- param: g_per_kwh = 350 grams of the grid's mix
SELECT toDate(hour) AS day, round(sum(rack_kwh), 2) AS racks_kwh, round(sum(rack_kwh) * {pue:Float64} * {g_per_kwh:Float64} / 1000, 2) AS co2_kg
FROM energy_by_rack_hour
WHERE hour >= {from:DateTime} AND hour < {to:DateTime}
GROUP BY day
ORDER BY day
