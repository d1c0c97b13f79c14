-- How far each rack is on its way from the plan to training, and the certificate of each acceptance.

CREATE TABLE IF NOT EXISTS commissions
(
    rack String COMMENT 'Id of the rack',
    t DateTime64(3, 'UTC') COMMENT 'When it came to this state; of a certificate, when its acceptance ended',
    state LowCardinality(String) COMMENT 'planned, delivered, cabled, filled, flushed, tight, powered, burning-in, accepted, held or in-training',
    step LowCardinality(String) COMMENT 'Of a rack under test the phase it is in, of a held one the step that holds it; else empty',
    cause LowCardinality(String) COMMENT 'Why it is held, or its GPUs are: the first cause of the acceptance; else empty',
    verdict LowCardinality(String) COMMENT 'Of an acceptance: accepted, accepted in part or held; empty before one',
    held Array(String) COMMENT 'Ids of its GPUs that are held back',
    gpus UInt16 COMMENT 'How many GPUs it has, held ones too; 0 where nobody told yet',
    who String COMMENT 'A person, as of an action',
    certificate String COMMENT 'The signed file byte for byte; empty where the change made none' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (rack, t, state, step)
SETTINGS non_replicated_deduplication_window = 10000;

-- Of changes at the same moment the one that is further on its way counts.
CREATE OR REPLACE VIEW rack_state AS
SELECT rack, t, state, step, cause, verdict, held, gpus, who
FROM commissions FINAL
ORDER BY rack, t DESC,
    indexOf(['planned', 'delivered', 'cabled', 'filled', 'flushed', 'tight', 'powered', 'burning-in', 'held', 'accepted', 'in-training'], state) DESC
LIMIT 1 BY rack;

-- Every certificate; `back` is 1 for a rack's newest, 2 for the one before it.
CREATE OR REPLACE VIEW certificates AS
SELECT
    rack, t, verdict, held, gpus, who, JSONExtractString(certificate, 'signature', 'key') AS `key`, certificate,
    row_number() OVER (PARTITION BY rack ORDER BY t DESC) AS back
FROM commissions FINAL
WHERE certificate != '';
