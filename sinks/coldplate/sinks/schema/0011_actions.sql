-- What people and the alerter did about incidents, and what an incident is with that.

CREATE TABLE IF NOT EXISTS actions
(
    t DateTime64(3, 'UTC') COMMENT 'When, by the doer\'s clock',
    id String COMMENT 'The same action sent twice has the same id',
    who String COMMENT 'A person, or alerter with the name of its instance',
    verb LowCardinality(String) COMMENT 'ack, close, mark, note, silence, unsilence, sent, held, dead or dropped',
    incident String COMMENT 'Its id; empty for what concerns none',
    step UInt32 COMMENT 'The incident\'s record that the doer knew',
    text String COMMENT 'In the doer\'s words',
    outcome LowCardinality(String) COMMENT 'Of a mark: confirmed, false or fixed-by',
    silence_id String COMMENT 'The silence that was made, ended, or that held',
    silence String COMMENT 'As JSON',
    receiver LowCardinality(String) COMMENT 'To whom the alerter sent',
    message String COMMENT 'Id of the message',
    phase LowCardinality(String) COMMENT 'What the message told'
)
ENGINE = ReplacingMergeTree
ORDER BY (incident, t, id)
SETTINGS non_replicated_deduplication_window = 10000;

-- `state` and `closed_at` count what people said: an incident that somebody closed is closed, until detection says more of it
-- than that person knew. What was said of the record `step` counts no more once a later one is open and worse, or open after a
-- closed one (an ack: only the latter); who knew a later record is not overruled by who knew less. The alerter decides by the same rules.
CREATE OR REPLACE VIEW incidents_now AS
WITH
    arrayLast(r -> r.1 <= said.close_step, path.records).1 AS known_step,
    if(known_step = 0, path.records[1], arrayFirst(r -> r.1 = known_step, path.records)).2 AS known_rank,
    arrayExists((r, before) -> r.1 > said.close_step AND r.3 AND (r.2 > known_rank OR NOT before.3),
        path.records, arrayPopBack(arrayPushFront(path.records, (toUInt32(0), toUInt8(0), toUInt8(1))))) AS reopened,
    arrayExists((r, before) -> r.1 > said.ack_step AND r.3 AND NOT before.3,
        path.records, arrayPopBack(arrayPushFront(path.records, (toUInt32(0), toUInt8(0), toUInt8(1))))) AS reopened_since_ack,
    said.closed_who != '' AND NOT reopened AS closed_by_person
SELECT
    last.id AS id, last.step AS step, if(closed_by_person, 'closed', last.state) AS state, last.kind AS kind, last.subject AS subject,
    last.rack AS rack, last.severity AS severity, last.opened_at AS opened_at, last.updated_at AS updated_at,
    multiIf(NOT closed_by_person, last.closed_at, last.state = 'open', said.closed_t,
        least(ifNull(last.closed_at, last.updated_at), said.closed_t)) AS closed_at,
    last.cause AS cause, last.affected AS affected, last.evidence AS evidence, last.throttle_at AS throttle_at,
    last.throttle_seen_at AS throttle_seen_at, last.first_tick_at AS first_tick_at, last.why AS why,
    if(reopened_since_ack, '', said.acked_who) AS acked_by,
    if(acked_by = '', NULL, said.acked_t) AS acked_at,
    if(closed_by_person, said.closed_who, '') AS closed_by,
    said.marked_outcome AS outcome, said.marked_text AS outcome_text, said.marked_who AS outcome_by
FROM (SELECT * FROM incidents ORDER BY id, step DESC LIMIT 1 BY id) AS last
LEFT JOIN
(
    SELECT
        incident,
        argMaxIf(who, (step, t, id), verb = 'ack') AS acked_who, argMaxIf(t, (step, t, id), verb = 'ack') AS acked_t,
        maxIf(step, verb = 'ack') AS ack_step,
        argMaxIf(who, (step, t, id), verb = 'close') AS closed_who, argMaxIf(t, (step, t, id), verb = 'close') AS closed_t,
        maxIf(step, verb = 'close') AS close_step,
        argMaxIf(outcome, (t, id), verb = 'mark') AS marked_outcome, argMaxIf(text, (t, id), verb = 'mark') AS marked_text,
        argMaxIf(who, (t, id), verb = 'mark') AS marked_who
    FROM actions
    WHERE verb IN ('ack', 'close', 'mark') AND incident != ''
    GROUP BY incident
) AS said ON said.incident = last.id
LEFT JOIN
(
    SELECT id, arraySort(groupUniqArray((step, toUInt8(indexOf(['info', 'ticket', 'warning', 'critical'], severity)), state = 'open'))) AS records
    FROM incidents
    WHERE id GLOBAL IN (SELECT incident FROM actions WHERE verb IN ('ack', 'close'))
    GROUP BY id
) AS path ON path.id = last.id
SETTINGS join_use_nulls = 0;

-- Silences that somebody made, nobody ended and that are not past; one that recurs holds only in its windows.
CREATE OR REPLACE VIEW silences_now AS
SELECT
    silence_id AS id,
    JSONExtractString(made, 'reason') AS reason,
    JSONExtractString(made, 'who') AS who,
    fromUnixTimestamp64Milli(JSONExtractInt(made, 'from_ms'), 'UTC') AS since,
    fromUnixTimestamp64Milli(JSONExtractInt(made, 'until_ms'), 'UTC') AS until,
    JSONExtractString(made, 'subject') AS subject,
    JSONExtractString(made, 'kind') AS kind,
    JSONExtract(made, 'labels', 'Map(String, String)') AS labels,
    JSONExtractString(made, 'cron') AS cron,
    JSONExtractFloat(made, 'for_s') AS for_s,
    if(JSONExtractString(made, 'zone') = '', 'UTC', JSONExtractString(made, 'zone')) AS zone,
    JSONExtractBool(made, 'planned') AS planned,
    made_at
FROM
(
    SELECT silence_id, argMax(verb, (t, id)) AS last_verb, argMaxIf(silence, (t, id), verb = 'silence') AS made,
        maxIf(t, verb = 'silence') AS made_at
    FROM actions
    WHERE verb IN ('silence', 'unsilence')
    GROUP BY silence_id
    HAVING last_verb = 'silence'
)
WHERE until > now64(3);

-- What detection said and what people and the alerter did, in one list: order it by t and step.
CREATE OR REPLACE VIEW incident_timeline AS
SELECT
    updated_at AS t, id, step, state, severity, kind, subject, rack,
    dateDiff('second', opened_at, updated_at) AS since_opened_s, length(affected) AS affected, cause, why,
    'detection' AS who, if(step = 0, 'open', if(state = 'closed', 'close', 'change')) AS what, '' AS receiver
FROM incidents FINAL
UNION ALL
SELECT
    a.t AS t, a.incident AS id, a.step AS step, '' AS state, i.severity AS severity, i.kind AS kind, i.subject AS subject, i.rack AS rack,
    dateDiff('second', i.opened_at, a.t) AS since_opened_s, length(i.affected) AS affected, '' AS cause,
    arrayStringConcat(arrayFilter(w -> w != '', [a.phase, toString(a.outcome), a.text]), ': ') AS why,
    a.who AS who, a.verb AS what, a.receiver AS receiver
FROM (SELECT * FROM actions FINAL WHERE incident != '') AS a
INNER JOIN (SELECT * FROM incidents ORDER BY id, step DESC LIMIT 1 BY id) AS i ON i.id = a.incident;
