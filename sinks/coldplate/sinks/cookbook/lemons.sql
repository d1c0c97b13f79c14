-- title: Which GPUs and nodes are the cause of incidents again and again?
-- role: operator
-- tells: Two or more incidents within 30 days: candidates for exchange, with the serial number for the return.
SELECT id, device_kind, serial, incidents, pages, kinds, last_at
FROM lemons
ORDER BY incidents DESC, id
