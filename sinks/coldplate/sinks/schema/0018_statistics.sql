-- Merges make no statistics of columns. Made from the metric catalogue by coldplate.sinks.ddl.

ALTER TABLE gpu_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE gpu_slow_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE node_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE cdu_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE rack_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE hall_samples MODIFY SETTING auto_statistics_types = '';
ALTER TABLE gpu_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE gpu_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE gpu_slow_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE gpu_slow_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE node_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE node_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE cdu_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE cdu_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE rack_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE rack_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE hall_1m_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE hall_1h_state MODIFY SETTING auto_statistics_types = '';
ALTER TABLE frames MODIFY SETTING auto_statistics_types = '';
ALTER TABLE baselines MODIFY SETTING auto_statistics_types = '';
