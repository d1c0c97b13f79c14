-- What is not a sample: who is there, what happened, what detection says, and the sink's own books.

CREATE TABLE IF NOT EXISTS inventory
(
    device UInt64 COMMENT 'Key of the device in the sample tables',
    kind LowCardinality(String) COMMENT 'hall, row, rack, node, gpu or cdu',
    id String,
    parent String COMMENT 'Id of what it sits in',
    rack String COMMENT 'Id of its rack',
    node String COMMENT 'Id of its node; empty above a node',
    `index` UInt32 COMMENT 'Position within the parent',
    uuid String,
    serial String,
    hall String,
    `row` String,
    updated DateTime64(3, 'UTC') COMMENT 'When this line was written'
)
ENGINE = ReplacingMergeTree(updated)
ORDER BY device
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS events
(
    t DateTime64(3, 'UTC') COMMENT 'When it happened',
    id String COMMENT 'Source, boot and number; the same event sent twice has the same id',
    kind LowCardinality(String) COMMENT 'xid, gpu_lost, leak, power_brake, job, clock_step, ...',
    subject String COMMENT 'Id of the device it happened to',
    rack String,
    code Nullable(Int64) COMMENT 'Number within the kind, such as the XID',
    text String COMMENT 'The words of the source',
    data String COMMENT 'Further fields as JSON',
    source String,
    boot UInt64,
    seq UInt64
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(t)
ORDER BY (t, id)
TTL toDate(t) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS anomalies
(
    t DateTime64(3, 'UTC') COMMENT 'The tick',
    id String,
    detector LowCardinality(String),
    kind LowCardinality(String) COMMENT 'Kind of fault it speaks for',
    subject String COMMENT 'Id of the device',
    rack String,
    fired Bool COMMENT 'True when it fired, false when it fell silent',
    severity LowCardinality(String),
    metric LowCardinality(String),
    value Nullable(Float64) COMMENT 'In the unit of the metric',
    threshold Nullable(Float64),
    baseline Nullable(Float64),
    note String,
    throttle_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it will throttle if nothing changes',
    arrived_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When the worker had the tick'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(t)
ORDER BY (t, id, detector)
TTL toDate(t) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS incidents
(
    id String,
    step UInt32 COMMENT 'Counts the changes of an incident from 0',
    state LowCardinality(String) COMMENT 'open or closed',
    kind LowCardinality(String) COMMENT 'Kind of fault',
    subject String COMMENT 'Id of the device that is the cause',
    rack String,
    severity LowCardinality(String) COMMENT 'info, ticket, warning or critical',
    opened_at DateTime64(3, 'UTC'),
    updated_at DateTime64(3, 'UTC'),
    closed_at Nullable(DateTime64(3, 'UTC')),
    cause String COMMENT 'One sentence',
    affected Array(String) COMMENT 'Ids of the devices it harms, most urgent first',
    evidence Array(String) COMMENT 'What was measured, one JSON object each, the cause first',
    throttle_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Forecast of the first throttling',
    throttle_seen_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was seen',
    first_tick_at DateTime64(3, 'UTC') COMMENT 'The first tick that showed it',
    why String COMMENT 'What this change was, and who or what made it'
)
ENGINE = ReplacingMergeTree
ORDER BY (id, step)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS frames
(
    source LowCardinality(String),
    rack LowCardinality(String),
    boot UInt64 CODEC(ZSTD(1)),
    seq UInt64 CODEC(DoubleDelta, ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'First tick' CODEC(DoubleDelta, ZSTD(1)),
    ticks UInt16,
    tick_ms UInt32,
    samples UInt32 COMMENT 'Devices times ticks',
    `values` UInt32 COMMENT 'Values that are present',
    topic_partition LowCardinality(String),
    record_offset UInt64 CODEC(DoubleDelta, ZSTD(1)),
    appended_at DateTime64(3, 'UTC') COMMENT 'When Kafka had it' CODEC(DoubleDelta, ZSTD(1)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(DoubleDelta, ZSTD(1)),
    INDEX stored stored_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(appended_at)
ORDER BY (topic_partition, record_offset)
TTL toDate(appended_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

-- Offset ranges the sink set out to store. After a crash it redoes exactly these, so that the repeated
-- inserts carry the tokens of the first ones.
CREATE TABLE IF NOT EXISTS sink_batches
(
    kafka String COMMENT 'Id of the Kafka cluster',
    topic LowCardinality(String),
    topic_id String COMMENT 'A topic made anew under its old name has another id',
    partition UInt32,
    generation UInt64 COMMENT 'Of the consumer group, when the range was written down',
    first UInt64,
    last UInt64,
    written_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (kafka, topic_id, partition, last)
TTL toDate(written_at) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS sink_rejects
(
    t DateTime64(3, 'UTC') COMMENT 'When Kafka had the last of them',
    topic_partition LowCardinality(String),
    reason LowCardinality(String),
    records UInt64 COMMENT 'How many were not stored for this reason'
)
ENGINE = MergeTree
ORDER BY (reason, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000;
