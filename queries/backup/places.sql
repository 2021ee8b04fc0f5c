-- id: backup/places
-- title: Where each table lies
-- reader: store backup and restore
-- window: all
-- why: frozen parts are found, and restored ones laid down, by the folder of their table
SELECT name AS table, arrayElement(data_paths, 1) AS path
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY table
