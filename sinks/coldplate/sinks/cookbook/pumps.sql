-- title: How long did each pump run, how fast, and for what power?
-- role: cooling engineer
-- tells: A pump that needs more power for the same speed and flow wears; one that never runs is not known to be able to.
-- param: from = -24h begin
-- param: to = now end
SELECT i.rack AS rack, countIf(c.pump1_rpm_mean > 100) AS pump1_min, round(avgIf(c.pump1_rpm_mean, c.pump1_rpm_mean > 100)) AS pump1_rpm,
    round(avgIf(c.pump1_w_mean, c.pump1_rpm_mean > 100)) AS pump1_w, countIf(c.pump2_rpm_mean > 100) AS pump2_min,
    round(avgIf(c.pump2_rpm_mean, c.pump2_rpm_mean > 100)) AS pump2_rpm, round(avgIf(c.pump2_w_mean, c.pump2_rpm_mean > 100)) AS pump2_w
FROM cdu_1m AS c
INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = c.device
WHERE c.t >= {from:DateTime} AND c.t < {to:DateTime}
GROUP BY rack
ORDER BY rack
