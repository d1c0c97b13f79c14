-- title: How did the newest critical incident come about?
-- role: operator
-- tells: Every change of the incident, with seconds since it opened: when it was seen, what it drew in, whom it was told,
--   who took care of it, and who or what closed it.
SELECT since_opened_s, who, what, state, severity, kind, subject, affected, why, cause
FROM incident_timeline
WHERE id = (SELECT id FROM incidents WHERE severity = 'critical' ORDER BY opened_at DESC LIMIT 1)
ORDER BY t, step
