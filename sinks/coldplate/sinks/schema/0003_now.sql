-- How things are now. Made from the metric catalogue by coldplate.sinks.ddl.

CREATE OR REPLACE VIEW gpu_now AS
SELECT
    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,
    i.rack AS rack,
    i.node AS node,
    i.hall AS hall,
    i.row AS row,
    s.device AS device,
    s.t AS t,
    s.power_w AS power_w,
    s.power_instant_w AS power_instant_w,
    s.power_min_w AS power_min_w,
    s.power_max_w AS power_max_w,
    s.power_std_w AS power_std_w,
    s.swing_hz AS swing_hz,
    s.swing_w AS swing_w,
    s.gpu_c AS gpu_c,
    s.hbm_c AS hbm_c,
    s.margin_c AS margin_c,
    s.sm_clock_mhz AS sm_clock_mhz,
    s.mem_clock_mhz AS mem_clock_mhz,
    s.clock_event_reasons AS clock_event_reasons,
    s.gpu_util_ratio AS gpu_util_ratio,
    s.mem_util_ratio AS mem_util_ratio,
    s.mem_used_bytes AS mem_used_bytes,
    s.pstate AS pstate,
    s.job AS job,
    s.energy_j AS energy_j
FROM
(
    SELECT device, t, power_w, power_instant_w, power_min_w, power_max_w, power_std_w, swing_hz, swing_w, gpu_c, hbm_c, margin_c, sm_clock_mhz, mem_clock_mhz, clock_event_reasons, gpu_util_ratio, mem_util_ratio, mem_used_bytes, pstate, job, energy_j
    FROM gpu_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM gpu_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;

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
    s.air_inlet_c AS air_inlet_c
FROM
(
    SELECT device, t, node_power_w, node_flow_lpm, air_inlet_c
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
    s.dew_point_c AS dew_point_c
FROM
(
    SELECT device, t, supply_c, return_c, flow_lpm, supply_kpa, return_kpa, pump1_rpm, pump2_rpm, pump1_w, pump2_w, filter_kpa_delta, valve_ratio, reservoir_ratio, makeup_l_total, facility_supply_c, facility_return_c, facility_flow_lpm, leak, room_c, dew_point_c
    FROM cdu_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM cdu_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;

CREATE OR REPLACE VIEW rack_now AS
SELECT
    if(i.id = '', concat('device ', toString(s.device)), i.id) AS id,
    i.rack AS rack,
    i.node AS node,
    i.hall AS hall,
    i.row AS row,
    s.device AS device,
    s.t AS t,
    s.rack_power_w AS rack_power_w,
    s.feed_a_w AS feed_a_w,
    s.feed_b_w AS feed_b_w
FROM
(
    SELECT device, t, rack_power_w, feed_a_w, feed_b_w
    FROM rack_samples
    WHERE t > now64(3) - INTERVAL 5 MINUTE AND (device, t) IN
        (SELECT device, max(t) FROM rack_samples WHERE t > now64(3) - INTERVAL 5 MINUTE GROUP BY device)
    LIMIT 1 BY device
) AS s
LEFT JOIN (SELECT * FROM inventory FINAL) AS i ON i.device = s.device;
