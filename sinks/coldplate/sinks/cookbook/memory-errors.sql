-- title: Which GPUs correct most memory errors?
-- role: analyst
-- tells: Rise of the counters over the time asked for; a counter that starts anew with the driver counts from there.
-- param: from = -24h begin
-- param: to = now end
SELECT i.id AS gpu, max(s.ecc_corrected_total_max) - min(s.ecc_corrected_total_min) AS corrected, max(s.ecc_uncorrected_total_max) AS uncorrected,
    max(s.remap_pending_max) AS remap_pending, max(s.pcie_replay_total_max) - min(s.pcie_replay_total_min) AS pcie_replays
FROM gpu_slow_1h AS s
INNER JOIN (SELECT device, id FROM inventory FINAL) AS i ON i.device = s.device
WHERE s.t >= {from:DateTime} AND s.t < {to:DateTime}
GROUP BY gpu
ORDER BY corrected DESC, gpu
LIMIT 10
