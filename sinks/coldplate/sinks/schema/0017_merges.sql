-- Parts of alike size are merged with each other. Made from the metric catalogue by coldplate.sinks.ddl.

ALTER TABLE gpu_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE gpu_slow_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE node_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE cdu_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE rack_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE hall_samples MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE gpu_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE gpu_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE gpu_slow_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE gpu_slow_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE node_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE node_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE cdu_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE cdu_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE rack_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE rack_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE hall_1m_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE hall_1h_state MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE frames MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
ALTER TABLE baselines MODIFY SETTING merge_selector_base = 60, min_parts_to_merge_at_once = 0;
