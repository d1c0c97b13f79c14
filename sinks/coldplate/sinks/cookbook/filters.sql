-- title: Is a filter clogging?
-- role: cooling engineer
-- tells: The pressure difference over the square of the flow does not depend on the flow, so a rise from one end of the
--   time to the other is the filter itself.
-- param: from = -24h begin
-- param: to = now end
SELECT i.rack AS rack, round(argMin(c.filter_kpa_delta_mean / pow(c.flow_lpm_mean, 2), c.t) * 1000, 3) AS first_kpa_per_1000_lpm2,
    round(argMax(c.filter_kpa_delta_mean / pow(c.flow_lpm_mean, 2), c.t) * 1000, 3) AS last_kpa_per_1000_lpm2, max(c.filter_kpa_delta_max) AS most_kpa
FROM cdu_1h AS c
INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = c.device
WHERE c.t >= {from:DateTime} AND c.t < {to:DateTime} AND c.flow_lpm_mean > 1
GROUP BY rack
ORDER BY rack
