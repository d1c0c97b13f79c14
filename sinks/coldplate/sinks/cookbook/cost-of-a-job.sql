-- title: What did one job cost in energy?
-- role: finance
-- tells: Its GPUs' energy, times what the building adds to it (PUE), times the price.
-- param: job = 4711 the scheduler's id
-- param: pue = 1.15 building's energy over the racks'
-- param: price = 0.12 of a kilowatt hour
SELECT job, any(user) AS user, round(sum(kwh), 3) AS gpus_kwh, round(sum(kwh) * {pue:Float64}, 3) AS building_kwh,
    round(sum(kwh) * {pue:Float64} * {price:Float64}, 2) AS cost
FROM energy_by_job
WHERE job = {job:String}
GROUP BY job
