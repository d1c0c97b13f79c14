-- What detectors have learnt, so that a worker that starts need not learn it anew.

CREATE TABLE IF NOT EXISTS baselines
(
    rack LowCardinality(String),
    id String COMMENT 'Device',
    kind LowCardinality(String) COMMENT 'gpu, node, cdu, rack or hall',
    detector LowCardinality(String),
    name LowCardinality(String) COMMENT 'How the detector calls it',
    value Float64 CODEC(ZSTD(1)),
    unit LowCardinality(String) COMMENT 'Empty where it has none',
    age_s Nullable(Float64) COMMENT 'Seconds of values it rests on' CODEC(ZSTD(1)),
    samples Nullable(Float64) COMMENT 'How many values it rests on' CODEC(ZSTD(1)),
    learnt_at DateTime64(3, 'UTC') COMMENT 'Tick that it learnt from last' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Newest tick of the rack when it was written down' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(t)
ORDER BY (rack, id, detector, name)
TTL toDate(t) + INTERVAL 90 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW baselines_now AS
SELECT id, kind, rack, detector, name, value, unit, age_s, samples, learnt_at, t FROM baselines FINAL;
