-- Who sat where, which job ran on what, and what was planned: what numbers are joined with when they are asked for.
-- Samples hold none of it, so that a job is never part of a series.

CREATE TABLE IF NOT EXISTS inventory_changes
(
    slot String COMMENT 'Id of the place: the device that the samples name',
    kind LowCardinality(String) COMMENT 'node, gpu or cdu',
    rack LowCardinality(String),
    uuid String COMMENT 'Of what sits there from now on; empty when nothing does',
    serial String,
    since DateTime64(3, 'UTC') COMMENT 'When the inventory began to say so'
)
ENGINE = ReplacingMergeTree
ORDER BY (slot, since)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW inventory_history AS
SELECT slot, kind, rack, uuid, serial, since, until
FROM
(
    SELECT slot, kind, rack, uuid, serial, since,
        leadInFrame(toNullable(since)) OVER
            (PARTITION BY slot ORDER BY since ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS until
    FROM inventory_changes FINAL
)
WHERE uuid != '' OR serial != '';

CREATE TABLE IF NOT EXISTS job_spans
(
    gpu String COMMENT 'Id of the GPU',
    job String COMMENT 'What the scheduler calls it',
    since DateTime64(3, 'UTC'),
    until Nullable(DateTime64(3, 'UTC')) COMMENT 'NULL while nobody has told its end',
    number UInt32 COMMENT 'As metric job has it',
    user String,
    shared Bool COMMENT 'Whether others had the GPU when this was told',
    source LowCardinality(String) COMMENT 'agent or import',
    told UInt64 COMMENT 'An end counts more than a beginning: milliseconds of the end, 0 without one'
)
ENGINE = ReplacingMergeTree(told)
ORDER BY (gpu, job, since)
TTL toDate(since) + INTERVAL 3650 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS job_spans_feed TO job_spans AS
SELECT
    subject AS gpu,
    JSONExtractString(data, 'id') AS job,
    if(JSONExtractInt(data, 'since_ms') > 0, fromUnixTimestamp64Milli(JSONExtractInt(data, 'since_ms'), 'UTC'), t) AS since,
    if(JSONExtractString(data, 'state') = 'end', toNullable(t), NULL) AS until,
    toUInt32(ifNull(code, 0)) AS number,
    JSONExtractString(data, 'user') AS user,
    JSONExtractBool(data, 'shared') AS shared,
    'agent' AS source,
    if(JSONExtractString(data, 'state') = 'end', toUInt64(toUnixTimestamp64Milli(t)), 0) AS told
FROM events
WHERE kind = 'job' AND JSONExtractString(data, 'state') IN ('start', 'end');

-- One line a GPU and unbroken time of a job. An end that nobody told is where the
-- job's next told end is, or where a job begins that has the GPU for itself;
-- what was told twice (an agent that started anew, a scheduler's table beside it) is one span.
CREATE OR REPLACE VIEW job_gpus AS
SELECT
    gpu, job, any(number) AS number, max(user) AS user,
    fromUnixTimestamp64Milli(min(since_ms), 'UTC') AS since,
    if(max(until_ms) = 7258118400000, NULL, fromUnixTimestamp64Milli(max(until_ms), 'UTC')) AS until
FROM
(
    SELECT *, sum(begins) OVER (PARTITION BY gpu, job ORDER BY since_ms, until_ms) AS stay
    FROM
    (
        SELECT *, since_ms > max(until_ms) OVER
            (PARTITION BY gpu, job ORDER BY since_ms, until_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS begins
        FROM
        (
            SELECT gpu, job, number, user, since_ms,
                -- 7258118400000 is 2200-01-01: it runs.
                coalesce(told_ms, least(
                    ifNull(minOrNullIf(since_ms, NOT shared) OVER
                        (PARTITION BY gpu ORDER BY since_ms RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 7258118400000),
                    arrayMin(arrayPushBack(arrayFilter(end_ms -> end_ms > since_ms,
                        groupArray(told_ms) OVER (PARTITION BY gpu, job)), 7258118400000))
                )) AS until_ms
            FROM
            (
                SELECT gpu, job, number, user, shared, toUnixTimestamp64Milli(since) AS since_ms,
                    toUnixTimestamp64Milli(until) AS told_ms
                FROM job_spans FINAL
            )
        )
    )
)
GROUP BY gpu, job, stay;

-- The same for joins with samples: by device, until now where it runs, and whether nobody else had the GPU meanwhile.
CREATE OR REPLACE VIEW job_devices AS
SELECT
    i.device AS device, g.gpu AS gpu, g.job AS job, g.number AS number, g.user AS user, g.since AS since,
    ifNull(g.until, now64(3, 'UTC')) AS until,
    g.since >= max(until) OVER (PARTITION BY i.device ORDER BY g.since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        AND until <= ifNull(minOrNull(g.since) OVER
            (PARTITION BY i.device ORDER BY g.since, until ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), until) AS alone
FROM job_gpus AS g
INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.id = g.gpu;

CREATE OR REPLACE VIEW jobs AS
SELECT
    j.job AS job, any(j.number) AS number, max(j.user) AS user,
    uniqExact(j.gpu) AS gpus, arraySort(groupUniqArray(i.node)) AS nodes,
    min(j.since) AS started, if(countIf(isNull(j.until)) > 0, NULL, max(j.until)) AS ended
FROM job_gpus AS j
LEFT JOIN (SELECT id, node FROM inventory FINAL) AS i ON i.id = j.gpu
GROUP BY j.job;

CREATE TABLE IF NOT EXISTS maintenance
(
    subject String COMMENT 'Id of a GPU, node, CDU, rack, row or hall',
    since DateTime64(3, 'UTC'),
    until DateTime64(3, 'UTC'),
    text String COMMENT 'What is done, for people',
    updated DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(updated)
ORDER BY (subject, since)
SETTINGS non_replicated_deduplication_window = 10000;
