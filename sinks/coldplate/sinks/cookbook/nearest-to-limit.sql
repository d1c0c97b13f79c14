-- title: Which GPUs are nearest to their own limit?
-- role: operator
-- tells: `margin_c` is the distance in kelvin to the limit that the device itself reports, so GPUs of different kinds
--   compare.
SELECT id, rack, gpu_c, margin_c, power_w, t
FROM hottest
LIMIT 10
