-- Views that read rollups beside the names that people use.

-- A job has a minute's energy of each of its GPUs by the share of the minute that it had the GPU; jobs that have a GPU
-- together share alike. So the jobs' energies and what nobody had are the GPUs' energy. Whole hours of a job that had its
-- GPU alone come from the hours, which are 60 times fewer.
CREATE OR REPLACE VIEW energy_by_job AS
SELECT job, any(number) AS number, max(user) AS user, day, uniqExact(gpu) AS gpus,
    sum(overlap_s) / 3600 AS gpu_h, sum(share_j) / 3.6e6 AS kwh
FROM
(
    SELECT s.job AS job, s.number AS number, s.user AS user, s.gpu AS gpu, toDate(e.t) AS day, 3600. AS overlap_s, e.used_j AS share_j
    FROM (SELECT device, t, sum(used) / 1000 AS used_j FROM gpu_1h_stats GROUP BY device, t) AS e
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
        FROM gpu_1m_stats
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
            FROM gpu_1m_stats
            WHERE device IN (SELECT device FROM job_devices WHERE NOT alone)
            GROUP BY device, t
        ) AS e
        INNER JOIN (SELECT * FROM job_devices WHERE NOT alone) AS s ON s.device = e.device
        WHERE e.t < s.until AND e.t + INTERVAL 60 SECOND > s.since
    )
)
GROUP BY job, day;

-- A GPU was there in the minutes of which there is a sample. Counted are those since the history began, without planned ones, and
-- without the last five, of which rollups may not be made yet.
CREATE OR REPLACE VIEW availability AS
WITH
    (SELECT assumeNotNull(min(t)) FROM gpu_1m_stats) AS began,
    toStartOfMinute(now('UTC')) - INTERVAL 5 MINUTE AS ends
SELECT
    g.id AS gpu, g.rack AS rack, d.day AS day, s.minutes AS seen_minutes, least(ifNull(p.minutes, 0), expected) AS planned_minutes,
    greatest(0, dateDiff('minute', greatest(toDateTime(d.day, 'UTC'), began), least(toDateTime(d.day + 1, 'UTC'), ends))) AS expected,
    if(expected > planned_minutes, least(1., seen_minutes / (expected - planned_minutes)), NULL) AS ratio
FROM (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu') AS g
CROSS JOIN (SELECT DISTINCT toDate(t) AS day FROM gpu_1h_stats) AS d
LEFT JOIN (SELECT device, toDate(t) AS day, uniqExact(t) AS minutes FROM gpu_1m_stats WHERE t < ends GROUP BY device, day) AS s
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
