-- title: How much heat does each rack's coolant carry away, and is its flow what it usually is?
-- role: cooling engineer
-- tells: Flow times the rise of the coolant, as water. The usual flow is the median of the time asked for.
-- param: from = -24h begin
-- param: to = now end
SELECT rack, round(argMax(heat_kw, t), 2) AS heat_now_kw, round(max(heat_kw), 2) AS most_kw, round(argMax(flow_lpm, t), 2) AS flow_now_lpm,
    round(argMax(flow_lpm, t) / median(flow_lpm), 3) AS share_of_usual, round(min(flow_min_lpm), 2) AS least_lpm
FROM flow_by_rack
WHERE t >= {from:DateTime} AND t < {to:DateTime}
GROUP BY rack
ORDER BY share_of_usual
