-- id: store/check_rows
-- title: Rows by source, with a sum over their places
-- reader: the program, when it compares the store with the ledger
-- window: all
-- why: what is stored twice or lost is found; holds counts only
SELECT
    lower(hex(source_id)) AS source,
    count() AS rows,
    sum(frame * frame * 31 + frame + ordinal) % 4294967296 AS places
FROM {table:Identifier}
GROUP BY source_id
ORDER BY source
