-- id: store/tables
-- title: Tables of the store, their rows and size
-- reader: the operator, for the health of the system
-- window: all
-- why: growth and gaps are seen early; holds no personal data
SELECT
    t.name AS table,
    coalesce(t.total_rows, 0) AS rows,
    coalesce(t.total_bytes, 0) AS bytes
FROM system.tables AS t
WHERE t.database = currentDatabase() AND t.engine LIKE '%MergeTree'
ORDER BY table
