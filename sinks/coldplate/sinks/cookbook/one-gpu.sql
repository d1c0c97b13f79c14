-- title: What did one GPU do, hour by hour?
-- role: operator
-- tells: With what an average hides: the hottest moment, the highest power within a tick, the smallest margin.
-- param: gpu = rack-0000/node-0/gpu-0 id of the GPU
-- param: from = -24h begin
-- param: to = now end
SELECT t AS hour, round(gpu_c_mean, 1) AS gpu_c, gpu_c_max AS hottest_c, margin_c_min AS least_margin_c, round(power_w_mean) AS power_w,
    power_max_w_max AS highest_w, round(sm_clock_mhz_mean) AS sm_clock_mhz, round(used_j / 3.6e6, 3) AS kwh
FROM gpu_1h
WHERE device = (SELECT device FROM inventory FINAL WHERE id = {gpu:String}) AND t >= {from:DateTime} AND t < {to:DateTime}
ORDER BY hour
