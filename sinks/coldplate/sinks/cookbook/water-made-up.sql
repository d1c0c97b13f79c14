-- title: How much water was filled up, and how low is the reservoir?
-- role: cooling engineer
-- tells: A closed loop needs next to none: what is made up has leaked or evaporated.
-- param: from = -24h begin
-- param: to = now end
SELECT i.rack AS rack, round(max(c.makeup_l_total_max) - min(c.makeup_l_total_min), 3) AS made_up_l,
    round(min(c.reservoir_ratio_min), 3) AS lowest_reservoir_ratio, max(c.leak_max) AS rope_wet
FROM cdu_1h AS c
INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = c.device
WHERE c.t >= {from:DateTime} AND c.t < {to:DateTime}
GROUP BY rack
ORDER BY made_up_l DESC
