-- title: How is the hall right now?
-- role: operator
-- tells: Its meter, what its racks and GPUs draw of that, and the smallest margin of any GPU.
SELECT id, round(hall_power_w / 1000, 1) AS hall_kw, round(racks_w / 1000, 1) AS racks_kw, round(gpus_w / 1000, 1) AS gpus_kw,
    racks, gpus, least_margin_c, facility_supply_c, t
FROM hall_now
