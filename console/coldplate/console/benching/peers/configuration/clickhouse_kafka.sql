-- A consumer and a feed for each table of samples; rollups are made by views of these tables, with the queries of `history rebuild-rollups`. What is not named here is ClickHouse's default.
--
-- Poll, parse and insert go on in one thread a consumer, which is what the documentation begins with and Altinity's page
-- describes (https://kb.altinity.com/altinity-kb-integrations/altinity-kb-kafka/altinity-kb-kafka-main-parsing-loop/);
-- more consumers than cores gain nothing. Blocks of 1,048,576 rows and batches of 65,536 records are the defaults that the same
-- page says should usually be left. The interval is the only departure: 7.5 s by default, here as long as the sink keeps rows,
-- so that both are as fresh. (https://clickhouse.com/docs/engines/table-engines/integrations/kafka)
CREATE TABLE peer_$table ($columns) ENGINE = Kafka
SETTINGS kafka_broker_list = '$kafka', kafka_topic_list = '$topic', kafka_group_name = '$topic',
    kafka_format = '$format', kafka_num_consumers = 1, kafka_flush_interval_ms = $flush_ms;

CREATE MATERIALIZED VIEW peer_${table}_feed TO $table AS SELECT $names FROM peer_$table;
