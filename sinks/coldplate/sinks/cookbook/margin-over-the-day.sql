-- title: How much thermal headroom does the fleet have over the day?
-- role: capacity planner
-- tells: Margin to their own limit of the worst GPU, the worst of a hundred, of ten, and of the one in the middle: how
--   much warmer the water may become.
-- param: from = -24h begin
-- param: to = now end
SELECT toStartOfInterval(t, INTERVAL 1 HOUR) AS hour, min(margin_c_min) AS least_c, round(quantile(0.01)(margin_c_mean), 1) AS worst_1_percent_c,
    round(quantile(0.1)(margin_c_mean), 1) AS worst_10_percent_c, round(quantile(0.5)(margin_c_mean), 1) AS median_c
FROM gpu_1m
WHERE t >= {from:DateTime} AND t < {to:DateTime} AND margin_c_count > 0
GROUP BY hour
ORDER BY hour
