-- title: How old is a sample when it can be asked for?
-- role: analyst
-- tells: Seconds from a frame's last tick to Kafka, and from Kafka to here, half of the frames and 99 in 100. (Of a
--   history that was loaded, these are of the loading.)
-- param: from = -1h begin
SELECT count() AS frames, round(quantile(0.5)(kafka_s), 2) AS kafka_half_s, round(quantile(0.99)(kafka_s), 2) AS kafka_99_s,
    round(quantile(0.5)(stored_s), 2) AS stored_half_s, round(quantile(0.99)(stored_s), 2) AS stored_99_s
FROM
(
    SELECT (toUnixTimestamp64Milli(appended_at) - toUnixTimestamp64Milli(t) - (ticks - 1) * tick_ms) / 1000 AS kafka_s,
        (toUnixTimestamp64Milli(stored_at) - toUnixTimestamp64Milli(appended_at)) / 1000 AS stored_s
    FROM frames
    WHERE stored_at >= {from:DateTime}
)
