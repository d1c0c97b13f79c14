-- title: Which GPUs were held down, for how long, and by what?
-- role: operator
-- tells: Seconds in which the driver gave the reason: heat by software (0x20) or hardware (0x40), the power brake (0x80),
--   or the power cap (0x4), which at full load is nothing odd. `throttling_now` is the same for this moment.
-- param: from = -24h begin
-- param: to = now end
SELECT i.id AS gpu,
    sumIf(s.tick_ms, bitAnd(s.clock_event_reasons, 0x60) != 0) / 1000 AS heat_s,
    sumIf(s.tick_ms, bitAnd(s.clock_event_reasons, 0x80) != 0) / 1000 AS brake_s,
    sumIf(s.tick_ms, bitAnd(s.clock_event_reasons, 0x4) != 0) / 1000 AS power_cap_s,
    min(s.sm_clock_mhz) AS lowest_mhz, max(s.gpu_c) AS hottest_c
FROM gpu_samples AS s
INNER JOIN (SELECT device, id, rack FROM inventory FINAL) AS i ON i.device = s.device
WHERE s.t >= {from:DateTime} AND s.t < {to:DateTime} AND bitAnd(s.clock_event_reasons, 0xE4) != 0
GROUP BY gpu
ORDER BY heat_s DESC, brake_s DESC, power_cap_s DESC
LIMIT 20
