-- title: Which XIDs came, and on which GPUs?
-- role: operator
-- tells: The same event sent twice has one id. What NVIDIA's codes mean is in the incident that they open.
-- param: from = -24h begin
-- param: to = now end
SELECT code, uniqExact(id) AS events, arraySort(groupUniqArray(subject)) AS gpus, max(t) AS newest, any(text) AS words
FROM events
WHERE kind = 'xid' AND t >= {from:DateTime} AND t < {to:DateTime}
GROUP BY code
ORDER BY events DESC
