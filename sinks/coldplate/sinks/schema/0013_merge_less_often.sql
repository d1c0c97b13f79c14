-- States of rollups are dear to merge, and small parts would be merged ten times over before they are large: at least four dozen at a time.

ALTER TABLE gpu_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE gpu_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE gpu_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE gpu_slow_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE gpu_slow_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE gpu_slow_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE node_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE node_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE node_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE cdu_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE cdu_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE cdu_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE rack_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE rack_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE rack_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE hall_10s_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE hall_1m_state MODIFY SETTING min_parts_to_merge_at_once = 48;
ALTER TABLE hall_1h_state MODIFY SETTING min_parts_to_merge_at_once = 48;
