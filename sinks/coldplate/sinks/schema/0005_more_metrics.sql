-- More metrics. Made from the metric catalogue by coldplate.sinks.ddl.

ALTER TABLE gpu_slow_samples
    ADD COLUMN IF NOT EXISTS sw_thermal_s_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS sw_thermal_s_total Nullable(Float64) ALIAS if(bitTest(present, 39), sw_thermal_s_total_raw / 1000, NULL) COMMENT 'Time in software thermal slowdown, in s',
    ADD COLUMN IF NOT EXISTS ecc_corrected_aggregate_total_raw UInt64 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ecc_corrected_aggregate_total Nullable(UInt64) ALIAS if(bitTest(present, 40), ecc_corrected_aggregate_total_raw, NULL) COMMENT 'Corrected ECC errors in the GPU\'s life',
    ADD COLUMN IF NOT EXISTS ecc_uncorrected_aggregate_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ecc_uncorrected_aggregate_total Nullable(UInt32) ALIAS if(bitTest(present, 41), ecc_uncorrected_aggregate_total_raw, NULL) COMMENT 'Uncorrected ECC errors in the GPU\'s life',
    ADD COLUMN IF NOT EXISTS ecc_sram_uncorrected_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ecc_sram_uncorrected_total Nullable(UInt32) ALIAS if(bitTest(present, 42), ecc_sram_uncorrected_total_raw, NULL) COMMENT 'Uncorrected ECC errors of caches and registers since driver load',
    ADD COLUMN IF NOT EXISTS ecc_dram_uncorrected_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS ecc_dram_uncorrected_total Nullable(UInt32) ALIAS if(bitTest(present, 43), ecc_dram_uncorrected_total_raw, NULL) COMMENT 'Uncorrected ECC errors of the HBM since driver load',
    ADD COLUMN IF NOT EXISTS retired_pages_total_raw UInt16 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS retired_pages_total Nullable(UInt16) ALIAS if(bitTest(present, 44), retired_pages_total_raw, NULL) COMMENT 'Pages retired; GPUs that remap rows have none',
    ADD COLUMN IF NOT EXISTS pcie_gen_max_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pcie_gen_max Nullable(UInt8) ALIAS if(bitTest(present, 45), pcie_gen_max_raw, NULL) COMMENT 'PCIe link generation that GPU and slot are capable of',
    ADD COLUMN IF NOT EXISTS pcie_width_max_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pcie_width_max Nullable(UInt8) ALIAS if(bitTest(present, 46), pcie_width_max_raw, NULL) COMMENT 'PCIe link width that GPU and slot are capable of',
    ADD COLUMN IF NOT EXISTS pcie_correctable_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pcie_correctable_total Nullable(UInt32) ALIAS if(bitTest(present, 47), pcie_correctable_total_raw, NULL) COMMENT 'Correctable PCIe errors',
    ADD COLUMN IF NOT EXISTS pcie_fatal_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pcie_fatal_total Nullable(UInt32) ALIAS if(bitTest(present, 48), pcie_fatal_total_raw, NULL) COMMENT 'PCIe errors that were not corrected',
    ADD COLUMN IF NOT EXISTS nvlink_active_links_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS nvlink_active_links Nullable(UInt8) ALIAS if(bitTest(present, 49), nvlink_active_links_raw, NULL) COMMENT 'NVLinks that are up',
    ADD COLUMN IF NOT EXISTS fan_ratio_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS fan_ratio Nullable(Float64) ALIAS if(bitTest(present, 50), fan_ratio_raw / 100, NULL) COMMENT 'Fan speed, as a share of its highest; water-cooled GPUs have none',
    ADD COLUMN IF NOT EXISTS needs_reset_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS needs_reset Nullable(UInt8) ALIAS if(bitTest(present, 51), needs_reset_raw, NULL) COMMENT '0 no, 1 reset, 2 drain and reset',
    ADD COLUMN IF NOT EXISTS gpu_max_c_raw Int16 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS gpu_max_c Nullable(Float64) ALIAS if(bitTest(present, 52), gpu_max_c_raw / 10, NULL) COMMENT 'Highest temperature at which the GPU keeps its clock, in degC',
    ADD COLUMN IF NOT EXISTS slowdown_c_raw Int16 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS slowdown_c Nullable(Float64) ALIAS if(bitTest(present, 53), slowdown_c_raw / 10, NULL) COMMENT 'Temperature at which the hardware slows down, in degC',
    ADD COLUMN IF NOT EXISTS shutdown_c_raw Int16 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS shutdown_c Nullable(Float64) ALIAS if(bitTest(present, 54), shutdown_c_raw / 10, NULL) COMMENT 'Temperature at which the GPU shuts down, in degC',
    ADD COLUMN IF NOT EXISTS hbm_max_c_raw Int16 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS hbm_max_c Nullable(Float64) ALIAS if(bitTest(present, 55), hbm_max_c_raw / 10, NULL) COMMENT 'Highest temperature of the HBM at full clock, in degC',
    ADD COLUMN IF NOT EXISTS slowdown_margin_c_raw Int16 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS slowdown_margin_c Nullable(Float64) ALIAS if(bitTest(present, 56), slowdown_margin_c_raw / 10, NULL) COMMENT 'Margin at which the hardware slows down; -2 on an H200, in K';

ALTER TABLE node_samples
    ADD COLUMN IF NOT EXISTS cpu_power_w_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS cpu_power_w Nullable(Float32) ALIAS if(bitTest(present, 3), cpu_power_w_raw, NULL) COMMENT 'Power of all processor packages, in W',
    ADD COLUMN IF NOT EXISTS cpu_c_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS cpu_c Nullable(Float32) ALIAS if(bitTest(present, 4), cpu_c_raw, NULL) COMMENT 'Hottest processor package, in degC',
    ADD COLUMN IF NOT EXISTS cpu_util_ratio_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS cpu_util_ratio Nullable(Float32) ALIAS if(bitTest(present, 5), cpu_util_ratio_raw, NULL) COMMENT 'Share of processor time that was not idle',
    ADD COLUMN IF NOT EXISTS mem_available_bytes_raw Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS mem_available_bytes Nullable(Float64) ALIAS if(bitTest(present, 6), mem_available_bytes_raw, NULL) COMMENT 'Memory that a new program could have, in B',
    ADD COLUMN IF NOT EXISTS clock_offset_s_raw Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS clock_offset_s Nullable(Float64) ALIAS if(bitTest(present, 7), clock_offset_s_raw, NULL) COMMENT 'What the kernel still has to add to the wall clock, in s',
    ADD COLUMN IF NOT EXISTS clock_error_s_raw Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS clock_error_s Nullable(Float64) ALIAS if(bitTest(present, 8), clock_error_s_raw, NULL) COMMENT 'How wrong the wall clock may be at most, by its daemon\'s own estimate, in s',
    ADD COLUMN IF NOT EXISTS clock_wrong_raw UInt8 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS clock_wrong Nullable(UInt8) ALIAS if(bitTest(present, 9), clock_wrong_raw, NULL) COMMENT '1 when the clock is not synchronised or was stepped in the last minute',
    ADD COLUMN IF NOT EXISTS agent_cpu_ratio_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS agent_cpu_ratio Nullable(Float32) ALIAS if(bitTest(present, 10), agent_cpu_ratio_raw, NULL) COMMENT 'Share of one core that the agent used',
    ADD COLUMN IF NOT EXISTS agent_rss_bytes_raw Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS agent_rss_bytes Nullable(Float64) ALIAS if(bitTest(present, 11), agent_rss_bytes_raw, NULL) COMMENT 'Memory of the agent, in B',
    ADD COLUMN IF NOT EXISTS spool_bytes_raw Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS spool_bytes Nullable(Float64) ALIAS if(bitTest(present, 12), spool_bytes_raw, NULL) COMMENT 'Bytes in the spool that Kafka has not acknowledged, in B',
    ADD COLUMN IF NOT EXISTS dropped_frames_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS dropped_frames_total Nullable(UInt32) ALIAS if(bitTest(present, 13), dropped_frames_total_raw, NULL) COMMENT 'Frames that the agent dropped',
    ADD COLUMN IF NOT EXISTS missed_ticks_total_raw UInt32 CODEC(Delta, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS missed_ticks_total Nullable(UInt32) ALIAS if(bitTest(present, 14), missed_ticks_total_raw, NULL) COMMENT 'Ticks that were not sampled';

ALTER TABLE cdu_samples
    ADD COLUMN IF NOT EXISTS heat_w_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS heat_w Nullable(Float32) ALIAS if(bitTest(present, 19), heat_w_raw, NULL) COMMENT 'Heat that the unit says it removes, in W',
    ADD COLUMN IF NOT EXISTS room_rh_ratio_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS room_rh_ratio Nullable(Float32) ALIAS if(bitTest(present, 20), room_rh_ratio_raw, NULL) COMMENT 'Relative humidity at the CDU',
    ADD COLUMN IF NOT EXISTS pump1_ratio_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pump1_ratio Nullable(Float32) ALIAS if(bitTest(present, 21), pump1_ratio_raw, NULL) COMMENT 'Speed of pump 1 as a share of its highest',
    ADD COLUMN IF NOT EXISTS pump2_ratio_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS pump2_ratio Nullable(Float32) ALIAS if(bitTest(present, 22), pump2_ratio_raw, NULL) COMMENT 'Speed of pump 2 as a share of its highest',
    ADD COLUMN IF NOT EXISTS facility_supply_kpa_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS facility_supply_kpa Nullable(Float32) ALIAS if(bitTest(present, 23), facility_supply_kpa_raw, NULL) COMMENT 'Facility water pressure into the CDU, absolute, in kPa',
    ADD COLUMN IF NOT EXISTS facility_return_kpa_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS facility_return_kpa Nullable(Float32) ALIAS if(bitTest(present, 24), facility_return_kpa_raw, NULL) COMMENT 'Facility water pressure out of the CDU, absolute, in kPa',
    ADD COLUMN IF NOT EXISTS conductivity_us_cm_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS conductivity_us_cm Nullable(Float32) ALIAS if(bitTest(present, 25), conductivity_us_cm_raw, NULL) COMMENT 'Electric conductivity of the coolant, in uS/cm',
    ADD COLUMN IF NOT EXISTS coolant_ph_raw Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS coolant_ph Nullable(Float32) ALIAS if(bitTest(present, 26), coolant_ph_raw, NULL) COMMENT 'pH of the coolant';

CREATE OR REPLACE VIEW node_now AS
SELECT
    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,
    i.rack AS rack,
    i.node AS node,
    i.hall AS hall,
    i.row AS row,
    s.device AS device,
    s.t AS t,
    s.node_power_w AS node_power_w,
    s.node_flow_lpm AS node_flow_lpm,
    s.air_inlet_c AS air_inlet_c,
    s.cpu_power_w AS cpu_power_w,
    s.cpu_c AS cpu_c,
    s.cpu_util_ratio AS cpu_util_ratio,
    s.mem_available_bytes AS mem_available_bytes,
    s.clock_offset_s AS clock_offset_s,
    s.clock_error_s AS clock_error_s,
    s.clock_wrong AS clock_wrong,
    s.agent_cpu_ratio AS agent_cpu_ratio,
    s.agent_rss_bytes AS agent_rss_bytes,
    s.spool_bytes AS spool_bytes,
    s.dropped_frames_total AS dropped_frames_total,
    s.missed_ticks_total AS missed_ticks_total
FROM
(
    SELECT device, t, node_power_w, node_flow_lpm, air_inlet_c, cpu_power_w, cpu_c, cpu_util_ratio, mem_available_bytes, clock_offset_s, clock_error_s, clock_wrong, agent_cpu_ratio, agent_rss_bytes, spool_bytes, dropped_frames_total, missed_ticks_total
    FROM node_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM node_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;

CREATE OR REPLACE VIEW cdu_now AS
SELECT
    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,
    i.rack AS rack,
    i.node AS node,
    i.hall AS hall,
    i.row AS row,
    s.device AS device,
    s.t AS t,
    s.supply_c AS supply_c,
    s.return_c AS return_c,
    s.flow_lpm AS flow_lpm,
    s.supply_kpa AS supply_kpa,
    s.return_kpa AS return_kpa,
    s.pump1_rpm AS pump1_rpm,
    s.pump2_rpm AS pump2_rpm,
    s.pump1_w AS pump1_w,
    s.pump2_w AS pump2_w,
    s.filter_kpa_delta AS filter_kpa_delta,
    s.valve_ratio AS valve_ratio,
    s.reservoir_ratio AS reservoir_ratio,
    s.makeup_l_total AS makeup_l_total,
    s.facility_supply_c AS facility_supply_c,
    s.facility_return_c AS facility_return_c,
    s.facility_flow_lpm AS facility_flow_lpm,
    s.leak AS leak,
    s.room_c AS room_c,
    s.dew_point_c AS dew_point_c,
    s.heat_w AS heat_w,
    s.room_rh_ratio AS room_rh_ratio,
    s.pump1_ratio AS pump1_ratio,
    s.pump2_ratio AS pump2_ratio,
    s.facility_supply_kpa AS facility_supply_kpa,
    s.facility_return_kpa AS facility_return_kpa,
    s.conductivity_us_cm AS conductivity_us_cm,
    s.coolant_ph AS coolant_ph
FROM
(
    SELECT device, t, supply_c, return_c, flow_lpm, supply_kpa, return_kpa, pump1_rpm, pump2_rpm, pump1_w, pump2_w, filter_kpa_delta, valve_ratio, reservoir_ratio, makeup_l_total, facility_supply_c, facility_return_c, facility_flow_lpm, leak, room_c, dew_point_c, heat_w, room_rh_ratio, pump1_ratio, pump2_ratio, facility_supply_kpa, facility_return_kpa, conductivity_us_cm, coolant_ph
    FROM cdu_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM cdu_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;
