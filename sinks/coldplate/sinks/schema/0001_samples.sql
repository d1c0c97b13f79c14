-- Samples: a row a device a tick. Made from the metric catalogue by coldplate.sinks.ddl.

CREATE TABLE IF NOT EXISTS gpu_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    power_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_w Nullable(Float64) ALIAS if(bitTest(present, 0), power_w_raw / 10, NULL) COMMENT 'Board power, the driver\'s 1 s moving mean, in W',
    power_instant_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_instant_w Nullable(Float64) ALIAS if(bitTest(present, 1), power_instant_w_raw / 10, NULL) COMMENT 'Board power at the instant of the tick, in W',
    power_min_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_min_w Nullable(Float64) ALIAS if(bitTest(present, 2), power_min_w_raw / 10, NULL) COMMENT 'Lowest instant power within the tick, in W',
    power_max_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_max_w Nullable(Float64) ALIAS if(bitTest(present, 3), power_max_w_raw / 10, NULL) COMMENT 'Highest instant power within the tick, in W',
    power_std_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_std_w Nullable(Float64) ALIAS if(bitTest(present, 4), power_std_w_raw / 10, NULL) COMMENT 'Standard deviation of instant power within the tick, in W',
    swing_hz_raw UInt16 CODEC(T64, ZSTD(1)),
    swing_hz Nullable(Float64) ALIAS if(bitTest(present, 5), swing_hz_raw / 100, NULL) COMMENT 'Frequency of the strongest power swing, in Hz',
    swing_w_raw UInt16 CODEC(T64, ZSTD(1)),
    swing_w Nullable(Float64) ALIAS if(bitTest(present, 6), swing_w_raw / 10, NULL) COMMENT 'Amplitude of the strongest power swing, in W',
    gpu_c_raw Int16 CODEC(T64, ZSTD(1)),
    gpu_c Nullable(Float64) ALIAS if(bitTest(present, 7), gpu_c_raw / 10, NULL) COMMENT 'GPU die temperature, in degC',
    hbm_c_raw Int16 CODEC(T64, ZSTD(1)),
    hbm_c Nullable(Float64) ALIAS if(bitTest(present, 8), hbm_c_raw / 10, NULL) COMMENT 'HBM temperature, in degC',
    margin_c_raw Int16 CODEC(T64, ZSTD(1)),
    margin_c Nullable(Float64) ALIAS if(bitTest(present, 9), margin_c_raw / 10, NULL) COMMENT 'Kelvin left to the GPU\'s own T.limit; negative beyond it, in K',
    sm_clock_mhz_raw UInt16 CODEC(T64, ZSTD(1)),
    sm_clock_mhz Nullable(UInt16) ALIAS if(bitTest(present, 10), sm_clock_mhz_raw, NULL) COMMENT 'Streaming multiprocessor clock, in MHz',
    mem_clock_mhz_raw UInt16 CODEC(T64, ZSTD(1)),
    mem_clock_mhz Nullable(UInt16) ALIAS if(bitTest(present, 11), mem_clock_mhz_raw, NULL) COMMENT 'Memory clock, in MHz',
    clock_event_reasons_raw UInt32 CODEC(T64, ZSTD(1)),
    clock_event_reasons Nullable(UInt32) ALIAS if(bitTest(present, 12), clock_event_reasons_raw, NULL) COMMENT 'Why the clock is held down: NVML bit mask',
    gpu_util_ratio_raw UInt8 CODEC(T64, ZSTD(1)),
    gpu_util_ratio Nullable(Float64) ALIAS if(bitTest(present, 13), gpu_util_ratio_raw / 100, NULL) COMMENT 'Share of time in which a kernel ran',
    mem_util_ratio_raw UInt8 CODEC(T64, ZSTD(1)),
    mem_util_ratio Nullable(Float64) ALIAS if(bitTest(present, 14), mem_util_ratio_raw / 100, NULL) COMMENT 'Share of time in which memory was read or written',
    mem_used_bytes_raw UInt32 CODEC(T64, ZSTD(1)),
    mem_used_bytes Nullable(Float64) ALIAS if(bitTest(present, 15), mem_used_bytes_raw * 1048576, NULL) COMMENT 'GPU memory in use, to 1 MiB, in B',
    pstate_raw UInt8 CODEC(T64, ZSTD(1)),
    pstate Nullable(UInt8) ALIAS if(bitTest(present, 16), pstate_raw, NULL) COMMENT 'Performance state; 0 is the highest',
    job_raw UInt32 CODEC(T64, ZSTD(1)),
    job Nullable(UInt32) ALIAS if(bitTest(present, 17), job_raw, NULL) COMMENT 'Number of the job that owns the GPU; absent when none',
    energy_j_raw UInt64 CODEC(Delta, ZSTD(1)),
    energy_j Nullable(Float64) ALIAS if(bitTest(present, 18), energy_j_raw / 1000, NULL) COMMENT 'Energy since driver load, in J'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS gpu_slow_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    power_limit_w_raw UInt16 CODEC(T64, ZSTD(1)),
    power_limit_w Nullable(Float64) ALIAS if(bitTest(present, 19), power_limit_w_raw / 10, NULL) COMMENT 'Enforced power limit, in W',
    ecc_corrected_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    ecc_corrected_total Nullable(UInt64) ALIAS if(bitTest(present, 20), ecc_corrected_total_raw, NULL) COMMENT 'Corrected ECC errors since driver load',
    ecc_uncorrected_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ecc_uncorrected_total Nullable(UInt32) ALIAS if(bitTest(present, 21), ecc_uncorrected_total_raw, NULL) COMMENT 'Uncorrected ECC errors since driver load',
    remap_corrected_total_raw UInt16 CODEC(Delta, ZSTD(1)),
    remap_corrected_total Nullable(UInt16) ALIAS if(bitTest(present, 22), remap_corrected_total_raw, NULL) COMMENT 'Rows remapped after corrected errors',
    remap_uncorrected_total_raw UInt16 CODEC(Delta, ZSTD(1)),
    remap_uncorrected_total Nullable(UInt16) ALIAS if(bitTest(present, 23), remap_uncorrected_total_raw, NULL) COMMENT 'Rows remapped after uncorrected errors',
    remap_pending_raw UInt8 CODEC(T64, ZSTD(1)),
    remap_pending Nullable(UInt8) ALIAS if(bitTest(present, 24), remap_pending_raw, NULL) COMMENT '1 when a row remap waits for a reset',
    remap_failed_raw UInt8 CODEC(T64, ZSTD(1)),
    remap_failed Nullable(UInt8) ALIAS if(bitTest(present, 25), remap_failed_raw, NULL) COMMENT '1 when a row could not be remapped',
    recovery_action_raw UInt8 CODEC(T64, ZSTD(1)),
    recovery_action Nullable(UInt8) ALIAS if(bitTest(present, 26), recovery_action_raw, NULL) COMMENT '0 none, 1 reset GPU, 2 reboot node, 3 drain P2P, 4 drain and reset',
    pcie_gen_raw UInt8 CODEC(T64, ZSTD(1)),
    pcie_gen Nullable(UInt8) ALIAS if(bitTest(present, 27), pcie_gen_raw, NULL) COMMENT 'PCIe link generation',
    pcie_width_raw UInt8 CODEC(T64, ZSTD(1)),
    pcie_width Nullable(UInt8) ALIAS if(bitTest(present, 28), pcie_width_raw, NULL) COMMENT 'PCIe link width in lanes',
    pcie_replay_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    pcie_replay_total Nullable(UInt32) ALIAS if(bitTest(present, 29), pcie_replay_total_raw, NULL) COMMENT 'PCIe replays',
    pcie_tx_bytes_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    pcie_tx_bytes_total Nullable(UInt64) ALIAS if(bitTest(present, 30), pcie_tx_bytes_total_raw, NULL) COMMENT 'Bytes sent over PCIe, in B',
    pcie_rx_bytes_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    pcie_rx_bytes_total Nullable(UInt64) ALIAS if(bitTest(present, 31), pcie_rx_bytes_total_raw, NULL) COMMENT 'Bytes received over PCIe, in B',
    nvlink_errors_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    nvlink_errors_total Nullable(UInt32) ALIAS if(bitTest(present, 32), nvlink_errors_total_raw, NULL) COMMENT 'NVLink CRC, replay and recovery errors, all links',
    nvlink_tx_bytes_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    nvlink_tx_bytes_total Nullable(Float64) ALIAS if(bitTest(present, 33), nvlink_tx_bytes_total_raw * 1024, NULL) COMMENT 'Bytes sent over NVLink, to 1 KiB, in B',
    nvlink_rx_bytes_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    nvlink_rx_bytes_total Nullable(Float64) ALIAS if(bitTest(present, 34), nvlink_rx_bytes_total_raw * 1024, NULL) COMMENT 'Bytes received over NVLink, to 1 KiB, in B',
    power_violation_s_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    power_violation_s_total Nullable(Float64) ALIAS if(bitTest(present, 35), power_violation_s_total_raw / 1000, NULL) COMMENT 'Time held down by the power cap, in s',
    thermal_violation_s_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    thermal_violation_s_total Nullable(Float64) ALIAS if(bitTest(present, 36), thermal_violation_s_total_raw / 1000, NULL) COMMENT 'Time held down by temperature, in s',
    hw_thermal_s_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    hw_thermal_s_total Nullable(Float64) ALIAS if(bitTest(present, 37), hw_thermal_s_total_raw / 1000, NULL) COMMENT 'Time in hardware thermal slowdown, in s',
    power_brake_s_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    power_brake_s_total Nullable(Float64) ALIAS if(bitTest(present, 38), power_brake_s_total_raw / 1000, NULL) COMMENT 'Time in hardware power brake slowdown, in s'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS node_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    node_power_w_raw Float32 CODEC(ZSTD(1)),
    node_power_w Nullable(Float32) ALIAS if(bitTest(present, 0), node_power_w_raw, NULL) COMMENT 'Power of the whole node, in W',
    node_flow_lpm_raw Float32 CODEC(ZSTD(1)),
    node_flow_lpm Nullable(Float32) ALIAS if(bitTest(present, 1), node_flow_lpm_raw, NULL) COMMENT 'Coolant flow through the node, where a site has the sensor, in l/min',
    air_inlet_c_raw Float32 CODEC(ZSTD(1)),
    air_inlet_c Nullable(Float32) ALIAS if(bitTest(present, 2), air_inlet_c_raw, NULL) COMMENT 'Air temperature at the node\'s front, in degC'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS cdu_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    supply_c_raw Float32 CODEC(ZSTD(1)),
    supply_c Nullable(Float32) ALIAS if(bitTest(present, 0), supply_c_raw, NULL) COMMENT 'Coolant temperature to the racks\' cold plates, in degC',
    return_c_raw Float32 CODEC(ZSTD(1)),
    return_c Nullable(Float32) ALIAS if(bitTest(present, 1), return_c_raw, NULL) COMMENT 'Coolant temperature back from the cold plates, in degC',
    flow_lpm_raw Float32 CODEC(ZSTD(1)),
    flow_lpm Nullable(Float32) ALIAS if(bitTest(present, 2), flow_lpm_raw, NULL) COMMENT 'Secondary coolant flow, in l/min',
    supply_kpa_raw Float32 CODEC(ZSTD(1)),
    supply_kpa Nullable(Float32) ALIAS if(bitTest(present, 3), supply_kpa_raw, NULL) COMMENT 'Secondary supply pressure, absolute, in kPa',
    return_kpa_raw Float32 CODEC(ZSTD(1)),
    return_kpa Nullable(Float32) ALIAS if(bitTest(present, 4), return_kpa_raw, NULL) COMMENT 'Secondary return pressure, absolute, in kPa',
    pump1_rpm_raw Float32 CODEC(ZSTD(1)),
    pump1_rpm Nullable(Float32) ALIAS if(bitTest(present, 5), pump1_rpm_raw, NULL) COMMENT 'Speed of pump 1; 0 when it stands, in 1/min',
    pump2_rpm_raw Float32 CODEC(ZSTD(1)),
    pump2_rpm Nullable(Float32) ALIAS if(bitTest(present, 6), pump2_rpm_raw, NULL) COMMENT 'Speed of pump 2; 0 when it stands, in 1/min',
    pump1_w_raw Float32 CODEC(ZSTD(1)),
    pump1_w Nullable(Float32) ALIAS if(bitTest(present, 7), pump1_w_raw, NULL) COMMENT 'Electric power of pump 1, in W',
    pump2_w_raw Float32 CODEC(ZSTD(1)),
    pump2_w Nullable(Float32) ALIAS if(bitTest(present, 8), pump2_w_raw, NULL) COMMENT 'Electric power of pump 2, in W',
    filter_kpa_delta_raw Float32 CODEC(ZSTD(1)),
    filter_kpa_delta Nullable(Float32) ALIAS if(bitTest(present, 9), filter_kpa_delta_raw, NULL) COMMENT 'Pressure difference over the filter, in kPa',
    valve_ratio_raw Float32 CODEC(ZSTD(1)),
    valve_ratio Nullable(Float32) ALIAS if(bitTest(present, 10), valve_ratio_raw, NULL) COMMENT 'Position of the facility water valve',
    reservoir_ratio_raw Float32 CODEC(ZSTD(1)),
    reservoir_ratio Nullable(Float32) ALIAS if(bitTest(present, 11), reservoir_ratio_raw, NULL) COMMENT 'Level of the reservoir',
    makeup_l_total_raw Float64 CODEC(ZSTD(1)),
    makeup_l_total Nullable(Float64) ALIAS if(bitTest(present, 12), makeup_l_total_raw, NULL) COMMENT 'Coolant made up since commissioning, in l',
    facility_supply_c_raw Float32 CODEC(ZSTD(1)),
    facility_supply_c Nullable(Float32) ALIAS if(bitTest(present, 13), facility_supply_c_raw, NULL) COMMENT 'Facility water temperature into the CDU, in degC',
    facility_return_c_raw Float32 CODEC(ZSTD(1)),
    facility_return_c Nullable(Float32) ALIAS if(bitTest(present, 14), facility_return_c_raw, NULL) COMMENT 'Facility water temperature out of the CDU, in degC',
    facility_flow_lpm_raw Float32 CODEC(ZSTD(1)),
    facility_flow_lpm Nullable(Float32) ALIAS if(bitTest(present, 15), facility_flow_lpm_raw, NULL) COMMENT 'Facility water flow, in l/min',
    leak_raw UInt8 CODEC(T64, ZSTD(1)),
    leak Nullable(UInt8) ALIAS if(bitTest(present, 16), leak_raw, NULL) COMMENT '1 when the leak rope is wet',
    room_c_raw Float32 CODEC(ZSTD(1)),
    room_c Nullable(Float32) ALIAS if(bitTest(present, 17), room_c_raw, NULL) COMMENT 'Air temperature at the CDU, in degC',
    dew_point_c_raw Float32 CODEC(ZSTD(1)),
    dew_point_c Nullable(Float32) ALIAS if(bitTest(present, 18), dew_point_c_raw, NULL) COMMENT 'Dew point at the CDU, in degC'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS rack_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    rack_power_w_raw Float32 CODEC(ZSTD(1)),
    rack_power_w Nullable(Float32) ALIAS if(bitTest(present, 0), rack_power_w_raw, NULL) COMMENT 'Electric power of the rack, in W',
    feed_a_w_raw Float32 CODEC(ZSTD(1)),
    feed_a_w Nullable(Float32) ALIAS if(bitTest(present, 1), feed_a_w_raw, NULL) COMMENT 'Power from feed A, in W',
    feed_b_w_raw Float32 CODEC(ZSTD(1)),
    feed_b_w Nullable(Float32) ALIAS if(bitTest(present, 2), feed_b_w_raw, NULL) COMMENT 'Power from feed B, in W'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS hall_samples
(
    device UInt64 COMMENT 'Key of the device, see inventory' CODEC(ZSTD(1)),
    t DateTime64(3, 'UTC') COMMENT 'Tick' CODEC(DoubleDelta, ZSTD(1)),
    boot UInt64 COMMENT 'Start of the agent that sampled' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'Its frame' CODEC(DoubleDelta, ZSTD(1)),
    present UInt64 COMMENT 'Bit n is set where metric number n is there' CODEC(ZSTD(1)),
    hall_power_w_raw Float32 CODEC(ZSTD(1)),
    hall_power_w Nullable(Float32) ALIAS if(bitTest(present, 0), hall_power_w_raw, NULL) COMMENT 'Electric power of the hall, in W',
    facility_supply_c_raw Float32 CODEC(ZSTD(1)),
    facility_supply_c Nullable(Float32) ALIAS if(bitTest(present, 1), facility_supply_c_raw, NULL) COMMENT 'Facility water supply temperature, in degC',
    grid_hz_raw Float32 CODEC(ZSTD(1)),
    grid_hz Nullable(Float32) ALIAS if(bitTest(present, 2), grid_hz_raw, NULL) COMMENT 'Grid frequency, in Hz'
)
ENGINE = MergeTree
PARTITION BY toDate(t)
ORDER BY (device, t)
TTL toDate(t) + INTERVAL 30 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1;
