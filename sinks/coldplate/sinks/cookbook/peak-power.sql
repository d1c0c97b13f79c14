-- title: When did each rack draw most?
-- role: capacity planner
-- tells: What a feed has to carry: the highest minute of each rack, and the mean beside it.
-- param: from = -24h begin
-- param: to = now end
SELECT i.id AS rack, round(max(r.rack_power_w_max) / 1000, 2) AS peak_kw, argMax(r.t, r.rack_power_w_max) AS at,
    round(avg(r.rack_power_w_mean) / 1000, 2) AS mean_kw, round(max(greatest(r.feed_a_w_max, r.feed_b_w_max)) / 1000, 2) AS one_feed_kw
FROM rack_1m AS r
INNER JOIN (SELECT device, id FROM inventory FINAL) AS i ON i.device = r.device
WHERE r.t >= {from:DateTime} AND r.t < {to:DateTime}
GROUP BY rack
ORDER BY peak_kw DESC
