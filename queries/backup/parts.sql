-- id: backup/parts
-- title: The parts of all tables with their rows, those that were just replaced too
-- reader: store backup, which counts what it has frozen
-- window: all
-- why: a merge may replace a part between freezing and counting
SELECT table, name, rows
FROM system.parts
WHERE database = currentDatabase()
ORDER BY table, name
