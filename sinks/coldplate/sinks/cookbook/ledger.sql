-- title: Was any frame lost, or stored twice?
-- role: analyst
-- tells: By agent: numbered, stored, dropped with a reason, and what nothing explains, which is still on its way or lost.
SELECT source, topic_partition, produced, stored, reason, dropped, unexplained
FROM ledger
ORDER BY unexplained DESC, dropped DESC, source
LIMIT 20
