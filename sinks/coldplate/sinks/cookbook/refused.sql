-- title: What was refused, and why?
-- role: analyst
-- tells: Records that the sink did not store; each is in `coldplate.rejects` with its first bytes.
SELECT reason, topic_partition, sum(records) AS refused, max(t) AS newest
FROM sink_rejects
GROUP BY reason, topic_partition
ORDER BY refused DESC
