-- What rollups were made of before. Made from the metric catalogue by coldplate.sinks.ddl.

DROP TABLE IF EXISTS gpu_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS gpu_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE gpu_samples DROP COLUMN IF EXISTS later;

DROP TABLE IF EXISTS gpu_slow_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS gpu_slow_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE gpu_slow_samples DROP COLUMN IF EXISTS later;

DROP TABLE IF EXISTS node_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS node_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE node_samples DROP COLUMN IF EXISTS later;

DROP TABLE IF EXISTS cdu_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS cdu_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE cdu_samples DROP COLUMN IF EXISTS later;

DROP TABLE IF EXISTS rack_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS rack_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE rack_samples DROP COLUMN IF EXISTS later;

DROP TABLE IF EXISTS hall_1m_state SYNC SETTINGS max_table_size_to_drop = 0;
DROP TABLE IF EXISTS hall_1h_state SYNC SETTINGS max_table_size_to_drop = 0;
ALTER TABLE hall_samples DROP COLUMN IF EXISTS later;
