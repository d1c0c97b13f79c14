-- title: What is the PUE, and what goes into it?
-- role: capacity planner
-- tells: Mean powers of each hour: the hall's meter over the racks' meters, with the GPUs' and the pumps' share.
-- param: from = -24h begin
-- param: to = now end
SELECT hour, round(hall_kw, 2) AS hall_kw, round(racks_kw, 2) AS racks_kw, round(gpus_kw, 2) AS gpus_kw, round(pumps_kw, 3) AS pumps_kw,
    round(facility_supply_c, 1) AS facility_supply_c, round(pue, 3) AS pue
FROM pue_inputs
WHERE hour >= {from:DateTime} AND hour < {to:DateTime}
ORDER BY hour
