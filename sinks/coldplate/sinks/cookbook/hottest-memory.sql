-- title: Where does the memory get hotter than the GPU explains?
-- role: cooling engineer
-- tells: HBM minus GPU at load: high for one GPU of a node alone is its own contact, high for all of a job is what the
--   job does.
-- param: from = -24h begin
-- param: to = now end
SELECT i.id AS gpu, max(h.hbm_c_max) AS hottest_hbm_c, round(avg(h.hbm_c_mean - h.gpu_c_mean), 2) AS above_gpu_k, round(avg(h.power_w_mean)) AS power_w
FROM gpu_1h AS h
INNER JOIN (SELECT device, id FROM inventory FINAL) AS i ON i.device = h.device
WHERE h.t >= {from:DateTime} AND h.t < {to:DateTime} AND h.power_w_mean > 200
GROUP BY gpu
ORDER BY above_gpu_k DESC
LIMIT 10
