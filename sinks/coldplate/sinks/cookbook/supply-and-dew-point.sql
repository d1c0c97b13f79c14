-- title: How near did the coolant come to the dew point?
-- role: cooling engineer
-- tells: Below the dew point water condenses on pipes and plates; two kelvin are commonly kept.
-- param: from = -24h begin
-- param: to = now end
SELECT i.rack AS rack, min(c.supply_c_min) AS coldest_supply_c, max(c.dew_point_c_max) AS highest_dew_point_c,
    round(min(c.supply_c_min - c.dew_point_c_max), 1) AS least_margin_k
FROM cdu_1m AS c
INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = c.device
WHERE c.t >= {from:DateTime} AND c.t < {to:DateTime}
GROUP BY rack
ORDER BY least_margin_k
