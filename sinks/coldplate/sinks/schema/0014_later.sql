-- Rollups of many inserts at once, and merges of them. Made from the metric catalogue by coldplate.sinks.ddl.

ALTER TABLE gpu_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS gpu_10s_feed_aside TO gpu_10s_feed;

ALTER TABLE gpu_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(power_w_steps), toInt64(power_instant_w_steps), toInt64(power_min_w_steps), toInt64(power_max_w_steps), toInt64(power_std_w_steps), toInt64(swing_hz_raw), toInt64(swing_w_steps), toInt64(gpu_c_raw), toInt64(hbm_c_raw), toInt64(margin_c_raw), toInt64(sm_clock_mhz_raw), toInt64(mem_clock_mhz_raw), toInt64(clock_event_reasons_raw), toInt64(gpu_util_ratio_raw), toInt64(mem_util_ratio_raw), toInt64(mem_used_bytes_raw), toInt64(pstate_raw), toInt64(job_raw), toInt64(energy_j_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14), bitTest(present, 15), bitTest(present, 16), bitTest(present, 17), bitTest(present, 18)] AS there
    FROM gpu_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS gpu_10s_feed TO gpu_10s_feed_aside, gpu_10s_feed_aside TO gpu_10s_feed;

CREATE TABLE IF NOT EXISTS gpu_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    power_w_steps UInt16,
    power_instant_w_steps UInt16,
    power_min_w_steps UInt16,
    power_max_w_steps UInt16,
    power_std_w_steps UInt16,
    swing_hz_raw UInt16,
    swing_w_steps UInt16,
    gpu_c_raw Int16,
    hbm_c_raw Int16,
    margin_c_raw Int16,
    sm_clock_mhz_raw UInt16,
    mem_clock_mhz_raw UInt16,
    clock_event_reasons_raw UInt32,
    gpu_util_ratio_raw UInt8,
    mem_util_ratio_raw UInt8,
    mem_used_bytes_raw UInt32,
    pstate_raw UInt8,
    job_raw UInt32,
    energy_j_steps UInt64
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS gpu_10s_later_feed TO gpu_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(power_w_steps), toInt64(power_instant_w_steps), toInt64(power_min_w_steps), toInt64(power_max_w_steps), toInt64(power_std_w_steps), toInt64(swing_hz_raw), toInt64(swing_w_steps), toInt64(gpu_c_raw), toInt64(hbm_c_raw), toInt64(margin_c_raw), toInt64(sm_clock_mhz_raw), toInt64(mem_clock_mhz_raw), toInt64(clock_event_reasons_raw), toInt64(gpu_util_ratio_raw), toInt64(mem_util_ratio_raw), toInt64(mem_used_bytes_raw), toInt64(pstate_raw), toInt64(job_raw), toInt64(energy_j_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14), bitTest(present, 15), bitTest(present, 16), bitTest(present, 17), bitTest(present, 18)] AS there
    FROM gpu_later
)
GROUP BY device, t;

ALTER TABLE gpu_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE gpu_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE gpu_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE gpu_1h_state MODIFY SETTING merge_max_block_size = 512;

ALTER TABLE gpu_slow_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS gpu_slow_10s_feed_aside TO gpu_slow_10s_feed;

ALTER TABLE gpu_slow_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(toInt64(0)) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(power_limit_w_raw), toInt64(ecc_corrected_total_raw), toInt64(ecc_uncorrected_total_raw), toInt64(remap_corrected_total_raw), toInt64(remap_uncorrected_total_raw), toInt64(remap_pending_raw), toInt64(remap_failed_raw), toInt64(recovery_action_raw), toInt64(pcie_gen_raw), toInt64(pcie_width_raw), toInt64(pcie_replay_total_raw), toInt64(pcie_tx_bytes_total_steps), toInt64(pcie_rx_bytes_total_steps), toInt64(nvlink_errors_total_raw), toInt64(nvlink_tx_bytes_total_steps), toInt64(nvlink_rx_bytes_total_steps), toInt64(power_violation_s_total_raw), toInt64(thermal_violation_s_total_raw), toInt64(hw_thermal_s_total_raw), toInt64(power_brake_s_total_raw), toInt64(sw_thermal_s_total_raw), toInt64(ecc_corrected_aggregate_total_raw), toInt64(ecc_uncorrected_aggregate_total_raw), toInt64(ecc_sram_uncorrected_total_raw), toInt64(ecc_dram_uncorrected_total_raw), toInt64(retired_pages_total_raw), toInt64(pcie_gen_max_raw), toInt64(pcie_width_max_raw), toInt64(pcie_correctable_total_raw), toInt64(pcie_fatal_total_raw), toInt64(nvlink_active_links_raw), toInt64(fan_ratio_raw), toInt64(needs_reset_raw), toInt64(gpu_max_c_raw), toInt64(slowdown_c_raw), toInt64(shutdown_c_raw), toInt64(hbm_max_c_raw), toInt64(slowdown_margin_c_raw)] AS v,
        [bitTest(present, 19), bitTest(present, 20), bitTest(present, 21), bitTest(present, 22), bitTest(present, 23), bitTest(present, 24), bitTest(present, 25), bitTest(present, 26), bitTest(present, 27), bitTest(present, 28), bitTest(present, 29), bitTest(present, 30), bitTest(present, 31), bitTest(present, 32), bitTest(present, 33), bitTest(present, 34), bitTest(present, 35), bitTest(present, 36), bitTest(present, 37), bitTest(present, 38), bitTest(present, 39), bitTest(present, 40), bitTest(present, 41), bitTest(present, 42), bitTest(present, 43), bitTest(present, 44), bitTest(present, 45), bitTest(present, 46), bitTest(present, 47), bitTest(present, 48), bitTest(present, 49), bitTest(present, 50), bitTest(present, 51), bitTest(present, 52), bitTest(present, 53), bitTest(present, 54), bitTest(present, 55), bitTest(present, 56)] AS there
    FROM gpu_slow_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS gpu_slow_10s_feed TO gpu_slow_10s_feed_aside, gpu_slow_10s_feed_aside TO gpu_slow_10s_feed;

CREATE TABLE IF NOT EXISTS gpu_slow_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    power_limit_w_raw UInt16,
    ecc_corrected_total_raw UInt64,
    ecc_uncorrected_total_raw UInt32,
    remap_corrected_total_raw UInt16,
    remap_uncorrected_total_raw UInt16,
    remap_pending_raw UInt8,
    remap_failed_raw UInt8,
    recovery_action_raw UInt8,
    pcie_gen_raw UInt8,
    pcie_width_raw UInt8,
    pcie_replay_total_raw UInt32,
    pcie_tx_bytes_total_steps UInt64,
    pcie_rx_bytes_total_steps UInt64,
    nvlink_errors_total_raw UInt32,
    nvlink_tx_bytes_total_steps UInt64,
    nvlink_rx_bytes_total_steps UInt64,
    power_violation_s_total_raw UInt32,
    thermal_violation_s_total_raw UInt32,
    hw_thermal_s_total_raw UInt32,
    power_brake_s_total_raw UInt32,
    sw_thermal_s_total_raw UInt32,
    ecc_corrected_aggregate_total_raw UInt64,
    ecc_uncorrected_aggregate_total_raw UInt32,
    ecc_sram_uncorrected_total_raw UInt32,
    ecc_dram_uncorrected_total_raw UInt32,
    retired_pages_total_raw UInt16,
    pcie_gen_max_raw UInt8,
    pcie_width_max_raw UInt8,
    pcie_correctable_total_raw UInt32,
    pcie_fatal_total_raw UInt32,
    nvlink_active_links_raw UInt8,
    fan_ratio_raw UInt8,
    needs_reset_raw UInt8,
    gpu_max_c_raw Int16,
    slowdown_c_raw Int16,
    shutdown_c_raw Int16,
    hbm_max_c_raw Int16,
    slowdown_margin_c_raw Int16
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS gpu_slow_10s_later_feed TO gpu_slow_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(toInt64(0)) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(power_limit_w_raw), toInt64(ecc_corrected_total_raw), toInt64(ecc_uncorrected_total_raw), toInt64(remap_corrected_total_raw), toInt64(remap_uncorrected_total_raw), toInt64(remap_pending_raw), toInt64(remap_failed_raw), toInt64(recovery_action_raw), toInt64(pcie_gen_raw), toInt64(pcie_width_raw), toInt64(pcie_replay_total_raw), toInt64(pcie_tx_bytes_total_steps), toInt64(pcie_rx_bytes_total_steps), toInt64(nvlink_errors_total_raw), toInt64(nvlink_tx_bytes_total_steps), toInt64(nvlink_rx_bytes_total_steps), toInt64(power_violation_s_total_raw), toInt64(thermal_violation_s_total_raw), toInt64(hw_thermal_s_total_raw), toInt64(power_brake_s_total_raw), toInt64(sw_thermal_s_total_raw), toInt64(ecc_corrected_aggregate_total_raw), toInt64(ecc_uncorrected_aggregate_total_raw), toInt64(ecc_sram_uncorrected_total_raw), toInt64(ecc_dram_uncorrected_total_raw), toInt64(retired_pages_total_raw), toInt64(pcie_gen_max_raw), toInt64(pcie_width_max_raw), toInt64(pcie_correctable_total_raw), toInt64(pcie_fatal_total_raw), toInt64(nvlink_active_links_raw), toInt64(fan_ratio_raw), toInt64(needs_reset_raw), toInt64(gpu_max_c_raw), toInt64(slowdown_c_raw), toInt64(shutdown_c_raw), toInt64(hbm_max_c_raw), toInt64(slowdown_margin_c_raw)] AS v,
        [bitTest(present, 19), bitTest(present, 20), bitTest(present, 21), bitTest(present, 22), bitTest(present, 23), bitTest(present, 24), bitTest(present, 25), bitTest(present, 26), bitTest(present, 27), bitTest(present, 28), bitTest(present, 29), bitTest(present, 30), bitTest(present, 31), bitTest(present, 32), bitTest(present, 33), bitTest(present, 34), bitTest(present, 35), bitTest(present, 36), bitTest(present, 37), bitTest(present, 38), bitTest(present, 39), bitTest(present, 40), bitTest(present, 41), bitTest(present, 42), bitTest(present, 43), bitTest(present, 44), bitTest(present, 45), bitTest(present, 46), bitTest(present, 47), bitTest(present, 48), bitTest(present, 49), bitTest(present, 50), bitTest(present, 51), bitTest(present, 52), bitTest(present, 53), bitTest(present, 54), bitTest(present, 55), bitTest(present, 56)] AS there
    FROM gpu_slow_later
)
GROUP BY device, t;

ALTER TABLE gpu_slow_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE gpu_slow_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE gpu_slow_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE gpu_slow_1h_state MODIFY SETTING merge_max_block_size = 512;

ALTER TABLE node_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS node_10s_feed_aside TO node_10s_feed;

ALTER TABLE node_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(node_power_w_steps), toInt64(node_flow_lpm_steps), toInt64(air_inlet_c_steps), toInt64(cpu_power_w_steps), toInt64(cpu_c_steps), toInt64(cpu_util_ratio_steps), toInt64(mem_available_bytes_steps), toInt64(clock_offset_s_steps), toInt64(clock_error_s_steps), toInt64(clock_wrong_raw), toInt64(agent_cpu_ratio_steps), toInt64(agent_rss_bytes_steps), toInt64(spool_bytes_steps), toInt64(dropped_frames_total_raw), toInt64(missed_ticks_total_raw)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14)] AS there
    FROM node_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS node_10s_feed TO node_10s_feed_aside, node_10s_feed_aside TO node_10s_feed;

CREATE TABLE IF NOT EXISTS node_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    node_power_w_steps Int32,
    node_flow_lpm_steps Int32,
    air_inlet_c_steps Int32,
    cpu_power_w_steps Int32,
    cpu_c_steps Int32,
    cpu_util_ratio_steps Int32,
    mem_available_bytes_steps Int64,
    clock_offset_s_steps Int64,
    clock_error_s_steps Int64,
    clock_wrong_raw UInt8,
    agent_cpu_ratio_steps Int32,
    agent_rss_bytes_steps Int64,
    spool_bytes_steps Int64,
    dropped_frames_total_raw UInt32,
    missed_ticks_total_raw UInt32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS node_10s_later_feed TO node_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(node_power_w_steps), toInt64(node_flow_lpm_steps), toInt64(air_inlet_c_steps), toInt64(cpu_power_w_steps), toInt64(cpu_c_steps), toInt64(cpu_util_ratio_steps), toInt64(mem_available_bytes_steps), toInt64(clock_offset_s_steps), toInt64(clock_error_s_steps), toInt64(clock_wrong_raw), toInt64(agent_cpu_ratio_steps), toInt64(agent_rss_bytes_steps), toInt64(spool_bytes_steps), toInt64(dropped_frames_total_raw), toInt64(missed_ticks_total_raw)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14)] AS there
    FROM node_later
)
GROUP BY device, t;

ALTER TABLE node_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE node_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE node_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE node_1h_state MODIFY SETTING merge_max_block_size = 512;

ALTER TABLE cdu_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS cdu_10s_feed_aside TO cdu_10s_feed;

ALTER TABLE cdu_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(toInt64(0)) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(supply_c_steps), toInt64(return_c_steps), toInt64(flow_lpm_steps), toInt64(supply_kpa_steps), toInt64(return_kpa_steps), toInt64(pump1_rpm_steps), toInt64(pump2_rpm_steps), toInt64(pump1_w_steps), toInt64(pump2_w_steps), toInt64(filter_kpa_delta_steps), toInt64(valve_ratio_steps), toInt64(reservoir_ratio_steps), toInt64(makeup_l_total_steps), toInt64(facility_supply_c_steps), toInt64(facility_return_c_steps), toInt64(facility_flow_lpm_steps), toInt64(leak_raw), toInt64(room_c_steps), toInt64(dew_point_c_steps), toInt64(heat_w_steps), toInt64(room_rh_ratio_steps), toInt64(pump1_ratio_steps), toInt64(pump2_ratio_steps), toInt64(facility_supply_kpa_steps), toInt64(facility_return_kpa_steps), toInt64(conductivity_us_cm_steps), toInt64(coolant_ph_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14), bitTest(present, 15), bitTest(present, 16), bitTest(present, 17), bitTest(present, 18), bitTest(present, 19), bitTest(present, 20), bitTest(present, 21), bitTest(present, 22), bitTest(present, 23), bitTest(present, 24), bitTest(present, 25), bitTest(present, 26)] AS there
    FROM cdu_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS cdu_10s_feed TO cdu_10s_feed_aside, cdu_10s_feed_aside TO cdu_10s_feed;

CREATE TABLE IF NOT EXISTS cdu_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    supply_c_steps Int32,
    return_c_steps Int32,
    flow_lpm_steps Int32,
    supply_kpa_steps Int32,
    return_kpa_steps Int32,
    pump1_rpm_steps Int32,
    pump2_rpm_steps Int32,
    pump1_w_steps Int32,
    pump2_w_steps Int32,
    filter_kpa_delta_steps Int32,
    valve_ratio_steps Int32,
    reservoir_ratio_steps Int32,
    makeup_l_total_steps Int64,
    facility_supply_c_steps Int32,
    facility_return_c_steps Int32,
    facility_flow_lpm_steps Int32,
    leak_raw UInt8,
    room_c_steps Int32,
    dew_point_c_steps Int32,
    heat_w_steps Int32,
    room_rh_ratio_steps Int32,
    pump1_ratio_steps Int32,
    pump2_ratio_steps Int32,
    facility_supply_kpa_steps Int32,
    facility_return_kpa_steps Int32,
    conductivity_us_cm_steps Int32,
    coolant_ph_steps Int32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS cdu_10s_later_feed TO cdu_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(toInt64(0)) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(supply_c_steps), toInt64(return_c_steps), toInt64(flow_lpm_steps), toInt64(supply_kpa_steps), toInt64(return_kpa_steps), toInt64(pump1_rpm_steps), toInt64(pump2_rpm_steps), toInt64(pump1_w_steps), toInt64(pump2_w_steps), toInt64(filter_kpa_delta_steps), toInt64(valve_ratio_steps), toInt64(reservoir_ratio_steps), toInt64(makeup_l_total_steps), toInt64(facility_supply_c_steps), toInt64(facility_return_c_steps), toInt64(facility_flow_lpm_steps), toInt64(leak_raw), toInt64(room_c_steps), toInt64(dew_point_c_steps), toInt64(heat_w_steps), toInt64(room_rh_ratio_steps), toInt64(pump1_ratio_steps), toInt64(pump2_ratio_steps), toInt64(facility_supply_kpa_steps), toInt64(facility_return_kpa_steps), toInt64(conductivity_us_cm_steps), toInt64(coolant_ph_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2), bitTest(present, 3), bitTest(present, 4), bitTest(present, 5), bitTest(present, 6), bitTest(present, 7), bitTest(present, 8), bitTest(present, 9), bitTest(present, 10), bitTest(present, 11), bitTest(present, 12), bitTest(present, 13), bitTest(present, 14), bitTest(present, 15), bitTest(present, 16), bitTest(present, 17), bitTest(present, 18), bitTest(present, 19), bitTest(present, 20), bitTest(present, 21), bitTest(present, 22), bitTest(present, 23), bitTest(present, 24), bitTest(present, 25), bitTest(present, 26)] AS there
    FROM cdu_later
)
GROUP BY device, t;

ALTER TABLE cdu_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE cdu_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE cdu_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE cdu_1h_state MODIFY SETTING merge_max_block_size = 512;

ALTER TABLE rack_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS rack_10s_feed_aside TO rack_10s_feed;

ALTER TABLE rack_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(rack_power_w_steps), toInt64(feed_a_w_steps), toInt64(feed_b_w_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2)] AS there
    FROM rack_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS rack_10s_feed TO rack_10s_feed_aside, rack_10s_feed_aside TO rack_10s_feed;

CREATE TABLE IF NOT EXISTS rack_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    rack_power_w_steps Int32,
    feed_a_w_steps Int32,
    feed_b_w_steps Int32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS rack_10s_later_feed TO rack_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(rack_power_w_steps), toInt64(feed_a_w_steps), toInt64(feed_b_w_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2)] AS there
    FROM rack_later
)
GROUP BY device, t;

ALTER TABLE rack_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE rack_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE rack_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE rack_1h_state MODIFY SETTING merge_max_block_size = 512;

ALTER TABLE hall_samples ADD COLUMN IF NOT EXISTS later UInt8 DEFAULT 0 COMMENT '1: the rollups were made of many inserts at once' CODEC(ZSTD(1)) AFTER present;

RENAME TABLE IF EXISTS hall_10s_feed_aside TO hall_10s_feed;

ALTER TABLE hall_10s_feed MODIFY QUERY SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(hall_power_w_steps), toInt64(facility_supply_c_steps), toInt64(grid_hz_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2)] AS there
    FROM hall_samples WHERE later = 0
)
GROUP BY device, t;

RENAME TABLE IF EXISTS hall_10s_feed TO hall_10s_feed_aside, hall_10s_feed_aside TO hall_10s_feed;

CREATE TABLE IF NOT EXISTS hall_later
(
    device UInt64,
    t DateTime64(3, 'UTC'),
    tick_ms UInt32,
    present UInt64,
    hall_power_w_steps Int32,
    facility_supply_c_steps Int32,
    grid_hz_steps Int32
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS hall_10s_later_feed TO hall_10s_state AS SELECT
    device,
    toStartOfInterval(toDateTime(tick), INTERVAL 10 SECOND) AS t,
    count() AS samples,
    sumForEachState(there) AS counts,
    minForEachState(arrayMap((v, p) -> if(p, v, 9223372036854775807), v, there)) AS lows,
    maxForEachState(arrayMap((v, p) -> if(p, v, -9223372036854775808), v, there)) AS highs,
    sumForEachState(v) AS sums,
    argMaxForEachState(v, arrayMap(p -> if(p, ms, toUInt32(0)), there)) AS lasts,
    sum(v[1] * tick_ms) AS used
FROM
(
    SELECT device, t AS tick, tick_ms,
        toUInt32(toUnixTimestamp64Milli(t) % 3600000 + 1) AS ms,
        [toInt64(hall_power_w_steps), toInt64(facility_supply_c_steps), toInt64(grid_hz_steps)] AS v,
        [bitTest(present, 0), bitTest(present, 1), bitTest(present, 2)] AS there
    FROM hall_later
)
GROUP BY device, t;

ALTER TABLE hall_samples MODIFY SETTING min_parts_to_merge_at_once = 16;
ALTER TABLE hall_10s_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE hall_1m_state MODIFY SETTING merge_max_block_size = 512;
ALTER TABLE hall_1h_state MODIFY SETTING merge_max_block_size = 512;
