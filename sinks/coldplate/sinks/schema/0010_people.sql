-- Views that read like the question. All but those of now rest on rollups, so they answer for years.

CREATE OR REPLACE VIEW hall_now AS
SELECT
    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,
    s.t AS t,
    s.hall_power_w AS hall_power_w,
    s.facility_supply_c AS facility_supply_c,
    s.grid_hz AS grid_hz,
    r.racks AS racks,
    r.racks_w AS racks_w,
    g.gpus AS gpus,
    g.gpus_w AS gpus_w,
    g.margin_c AS least_margin_c
FROM
(
    SELECT device, t, hall_power_w, facility_supply_c, grid_hz
    FROM hall_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM hall_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device
LEFT JOIN (SELECT hall, count() AS racks, sum(rack_power_w) AS racks_w FROM rack_now GROUP BY hall) AS r ON r.hall = i.id
LEFT JOIN (SELECT hall, count() AS gpus, sum(power_w) AS gpus_w, min(margin_c) AS margin_c FROM gpu_now GROUP BY hall) AS g
    ON g.hall = i.id;

-- Kelvin a watt between GPU and coolant supply: the median of the day's hours in which the GPU drew 200 W or more, for
-- below that a kelvin of the sensor is a seventh of the rise. Means of an hour stand for its steady state, because the
-- rise follows the power within a minute or two.
CREATE OR REPLACE VIEW thermal_resistance_daily AS
SELECT
    i.id AS gpu, i.rack AS rack, toDate(g.t) AS day,
    quantileExact(0.5)((g.gpu_c - c.supply_c) / g.power_w) AS k_per_w,
    count() AS hours, avg(g.power_w) AS power_w, avg(g.gpu_c) AS gpu_c, avg(c.supply_c) AS supply_c
FROM (SELECT device, t, power_w_mean AS power_w, gpu_c_mean AS gpu_c FROM gpu_1h WHERE power_w_mean >= 200) AS g
INNER JOIN (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = g.device
INNER JOIN
(
    SELECT j.rack AS rack, h.t AS t, avg(h.supply_c_mean) AS supply_c
    FROM cdu_1h AS h
    INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE kind = 'cdu') AS j ON j.device = h.device
    WHERE h.supply_c_count > 0
    GROUP BY rack, t
) AS c ON c.rack = i.rack AND c.t = g.t
GROUP BY gpu, rack, day;

-- A job has a minute's energy of each of its GPUs by the share of the minute that it had the GPU; jobs that have a GPU
-- together share alike. So the jobs' energies and what nobody had are the GPUs' energy. Whole hours of a job that had its
-- GPU alone come from the hours, which are 60 times fewer.
CREATE OR REPLACE VIEW energy_by_job AS
SELECT job, any(number) AS number, max(user) AS user, day, uniqExact(gpu) AS gpus,
    sum(overlap_s) / 3600 AS gpu_h, sum(share_j) / 3.6e6 AS kwh
FROM
(
    SELECT s.job AS job, s.number AS number, s.user AS user, s.gpu AS gpu, toDate(e.t) AS day, 3600. AS overlap_s, e.used_j AS share_j
    FROM (SELECT device, t, sum(used) / 1000 AS used_j FROM gpu_1h_state GROUP BY device, t) AS e
    INNER JOIN (SELECT * FROM job_devices WHERE alone) AS s ON s.device = e.device
    WHERE e.t >= s.since AND e.t + INTERVAL 1 HOUR <= s.until
    UNION ALL
    SELECT s.job AS job, s.number AS number, s.user AS user, s.gpu AS gpu, toDate(e.t) AS day,
        dateDiff('millisecond', greatest(s.since, toDateTime64(e.t, 3, 'UTC')),
            least(s.until, toDateTime64(e.t, 3, 'UTC') + INTERVAL 60 SECOND)) / 1000 AS overlap_s,
        e.used_j * overlap_s / 60 AS share_j
    FROM
    (
        SELECT device, t, sum(used) / 1000 AS used_j
        FROM gpu_1m_state
        WHERE (device, toStartOfHour(t)) IN
            (SELECT device, arrayJoin([toStartOfHour(toDateTime(since)), toStartOfHour(toDateTime(until))]) FROM job_devices WHERE alone)
        GROUP BY device, t
    ) AS e
    INNER JOIN (SELECT * FROM job_devices WHERE alone) AS s ON s.device = e.device
    WHERE e.t < s.until AND e.t + INTERVAL 60 SECOND > s.since
        AND NOT (toStartOfHour(e.t) >= s.since AND toStartOfHour(e.t) + INTERVAL 1 HOUR <= s.until)
    UNION ALL
    SELECT job, number, user, gpu, toDate(t) AS day, overlap_s,
        used_j * overlap_s / greatest(60, sum(overlap_s) OVER (PARTITION BY gpu, t)) AS share_j
    FROM
    (
        SELECT e.t AS t, e.used_j AS used_j, s.gpu AS gpu, s.job AS job, s.number AS number, s.user AS user,
            dateDiff('millisecond', greatest(s.since, toDateTime64(e.t, 3, 'UTC')),
                least(s.until, toDateTime64(e.t, 3, 'UTC') + INTERVAL 60 SECOND)) / 1000 AS overlap_s
        FROM
        (
            SELECT device, t, sum(used) / 1000 AS used_j
            FROM gpu_1m_state
            WHERE device IN (SELECT device FROM job_devices WHERE NOT alone)
            GROUP BY device, t
        ) AS e
        INNER JOIN (SELECT * FROM job_devices WHERE NOT alone) AS s ON s.device = e.device
        WHERE e.t < s.until AND e.t + INTERVAL 60 SECOND > s.since
    )
)
GROUP BY job, day;

CREATE OR REPLACE VIEW energy_by_rack_hour AS
SELECT
    g.hall AS hall, g.row AS row, g.rack AS rack, g.hour AS hour, g.gpus AS gpus, g.gpus_kwh AS gpus_kwh,
    r.rack_kwh AS rack_kwh, g.hottest_c AS hottest_c, g.least_margin_c AS least_margin_c
FROM
(
    SELECT i.hall AS hall, i.row AS row, i.rack AS rack, h.t AS hour, uniqExact(h.device) AS gpus,
        sum(h.used_j) / 3.6e6 AS gpus_kwh, max(h.gpu_c_max) AS hottest_c, min(h.margin_c_min) AS least_margin_c
    FROM gpu_1h AS h
    INNER JOIN (SELECT device, hall, row, rack FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = h.device
    GROUP BY hall, row, rack, hour
) AS g
LEFT JOIN
(
    SELECT i.rack AS rack, h.t AS hour, sum(h.used_j) / 3.6e6 AS rack_kwh
    FROM rack_1h AS h
    INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE kind = 'rack') AS i ON i.device = h.device
    WHERE h.rack_power_w_count > 0
    GROUP BY rack, hour
) AS r ON r.rack = g.rack AND r.hour = g.hour
SETTINGS join_use_nulls = 1;

-- Heat is of water, 4.18 kJ for a litre and kelvin; a glycol mixture carries about 7 % less.
CREATE OR REPLACE VIEW flow_by_rack AS
SELECT
    i.hall AS hall, i.row AS row, i.rack AS rack, c.t AS t, c.flow_lpm_mean AS flow_lpm, c.flow_lpm_min AS flow_min_lpm,
    c.supply_c_mean AS supply_c, c.return_c_mean AS return_c,
    c.flow_lpm_mean / 60 * 4.18 * (c.return_c_mean - c.supply_c_mean) AS heat_kw,
    c.pump1_rpm_mean AS pump1_rpm, c.pump2_rpm_mean AS pump2_rpm
FROM cdu_10s AS c
INNER JOIN (SELECT device, hall, row, rack FROM inventory FINAL WHERE kind = 'cdu') AS i ON i.device = c.device;

CREATE OR REPLACE VIEW swings AS
SELECT
    i.id AS gpu, i.rack AS rack, m.t AS t, m.swing_hz_mean AS swing_hz, m.swing_w_max AS swing_w,
    m.power_min_w_min AS lowest_w, m.power_max_w_max AS highest_w
FROM gpu_1m AS m
INNER JOIN (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = m.device
WHERE m.swing_hz_count > 0;

CREATE OR REPLACE VIEW incident_timeline AS
SELECT
    updated_at AS t, id, step, state, severity, kind, subject, rack,
    dateDiff('second', opened_at, updated_at) AS since_opened_s, length(affected) AS affected, cause, why
FROM incidents FINAL;

-- A GPU was there in the minutes of which there is a sample. Counted are those since the history began, without planned ones.
CREATE OR REPLACE VIEW availability AS
WITH
    (SELECT assumeNotNull(min(t)) FROM gpu_1m_state) AS began,
    toStartOfMinute(now('UTC')) AS ends
SELECT
    g.id AS gpu, g.rack AS rack, d.day AS day, s.minutes AS seen_minutes, least(ifNull(p.minutes, 0), expected) AS planned_minutes,
    dateDiff('minute', greatest(toDateTime(d.day, 'UTC'), began), least(toDateTime(d.day + 1, 'UTC'), ends)) AS expected,
    if(expected > planned_minutes, least(1., seen_minutes / (expected - planned_minutes)), NULL) AS ratio
FROM (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu') AS g
CROSS JOIN (SELECT DISTINCT toDate(t) AS day FROM gpu_1h_state) AS d
LEFT JOIN (SELECT device, toDate(t) AS day, uniqExact(t) AS minutes FROM gpu_1m_state WHERE t < ends GROUP BY device, day) AS s
    ON s.device = g.device AND s.day = d.day
LEFT JOIN
(
    SELECT device, day, sum(greatest(0, dateDiff('minute', greatest(since, toDateTime64(day, 3, 'UTC'), toDateTime64(began, 3, 'UTC')),
        least(until, toDateTime64(day + 1, 3, 'UTC'), toDateTime64(ends, 3, 'UTC'))))) AS minutes
    FROM
    (
        SELECT i.device AS device, m.since AS since, m.until AS until,
            arrayJoin(arrayMap(n -> toDate(m.since) + n, range(toUInt32(toDate(m.until) - toDate(m.since) + 1)))) AS day
        FROM (SELECT device, arrayJoin(arrayDistinct([id, node, rack, row, hall])) AS subject FROM inventory FINAL WHERE kind = 'gpu') AS i
        INNER JOIN (SELECT * FROM maintenance FINAL WHERE until > since) AS m ON m.subject = i.subject
    )
    GROUP BY device, day
) AS p ON p.device = g.device AND p.day = d.day;

-- Mean powers of an hour. PUE is the hall's meter over the racks' meters.
CREATE OR REPLACE VIEW pue_inputs AS
SELECT
    h.hall AS hall, h.hour AS hour, h.hall_kw AS hall_kw, r.racks_kw AS racks_kw, g.gpus_kw AS gpus_kw, c.pumps_kw AS pumps_kw,
    h.facility_supply_c AS facility_supply_c, h.hall_kw / r.racks_kw AS pue
FROM
(
    SELECT i.id AS hall, m.t AS hour, sum(m.hall_power_w_mean) / 1000 AS hall_kw, avg(m.facility_supply_c_mean) AS facility_supply_c
    FROM hall_1h AS m
    INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = 'hall') AS i ON i.device = m.device
    GROUP BY hall, hour
) AS h
LEFT JOIN
(
    SELECT i.hall AS hall, m.t AS hour, sum(m.rack_power_w_mean) / 1000 AS racks_kw
    FROM rack_1h AS m INNER JOIN (SELECT device, hall FROM inventory FINAL WHERE kind = 'rack') AS i ON i.device = m.device
    GROUP BY hall, hour
) AS r ON r.hall = h.hall AND r.hour = h.hour
LEFT JOIN
(
    SELECT i.hall AS hall, m.t AS hour, sum(m.power_w_mean) / 1000 AS gpus_kw
    FROM gpu_1h AS m INNER JOIN (SELECT device, hall FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.device = m.device
    GROUP BY hall, hour
) AS g ON g.hall = h.hall AND g.hour = h.hour
LEFT JOIN
(
    SELECT i.hall AS hall, m.t AS hour, sum(ifNull(m.pump1_w_mean, 0) + ifNull(m.pump2_w_mean, 0)) / 1000 AS pumps_kw
    FROM cdu_1h AS m INNER JOIN (SELECT device, hall FROM inventory FINAL WHERE kind = 'cdu') AS i ON i.device = m.device
    GROUP BY hall, hour
) AS c ON c.hall = h.hall AND c.hour = h.hour
SETTINGS join_use_nulls = 1;

-- Who was the cause of incidents again and again in the last 30 days; what only informs does not count.
CREATE OR REPLACE VIEW lemons AS
SELECT
    n.subject AS id, any(i.kind) AS device_kind, any(i.serial) AS serial, any(n.rack) AS rack, count() AS incidents,
    countIf(n.severity IN ('warning', 'critical')) AS pages, arraySort(groupUniqArray(n.kind)) AS kinds,
    min(n.opened_at) AS first_at, max(n.opened_at) AS last_at
FROM incidents_now AS n
INNER JOIN (SELECT id, kind, serial FROM inventory FINAL WHERE kind IN ('gpu', 'node')) AS i ON i.id = n.subject
WHERE n.opened_at > now64(3) - INTERVAL 30 DAY AND n.severity != 'info'
GROUP BY n.subject
HAVING incidents >= 2;

-- Frames by agent and partition: produced are those an agent has numbered, from 0 at each start (where the first are older
-- than the list of frames, from the oldest there); dropped are those it says it dropped, or that were refused here.
-- What is neither stored nor dropped is still on its way, or lost.
CREATE OR REPLACE VIEW ledger AS
SELECT
    f.source AS source, f.topic_partition AS topic_partition, f.produced AS produced, f.stored AS stored,
    'agent' AS reason, toUInt64(ifNull(d.dropped, 0)) AS dropped,
    toInt64(f.produced) - toInt64(f.stored) - toInt64(ifNull(d.dropped, 0)) AS unexplained
FROM
(
    SELECT source, topic_partition, toUInt64(sum(top + 1 - low)) AS produced, sum(there) AS stored
    FROM
    (
        SELECT source, topic_partition, boot, max(seq) AS top, uniqExact(seq) AS there,
            if(min(appended_at) < now64(3) - INTERVAL 29 DAY, min(seq), 0) AS low
        FROM frames
        GROUP BY source, topic_partition, boot
    )
    GROUP BY source, topic_partition
) AS f
LEFT JOIN
(
    SELECT i.id AS source, sum(greatest(toInt64(s.n) - toInt64(s.before), 0)) AS dropped
    FROM
    (
        SELECT device, dropped_frames_total_max AS n,
            lagInFrame(n, 1, 0) OVER (PARTITION BY device ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM node_1h
        WHERE t > now() - INTERVAL 30 DAY AND dropped_frames_total_count > 0
    ) AS s
    INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = 'node') AS i ON i.device = s.device
    GROUP BY source
) AS d ON d.source = f.source
UNION ALL
SELECT '' AS source, topic_partition, sum(records) AS produced, toUInt64(0) AS stored, reason, sum(records) AS dropped,
    toInt64(0) AS unexplained
FROM sink_rejects
GROUP BY topic_partition, reason;
