-- id: store/check_register
-- title: Lines of a register by source, each once, with a sum over their places
-- reader: the program, when it compares the store with the ledger
-- window: all
-- why: what is lost is found; an import that replaces an earlier one of the same file counts once; holds counts only
SELECT
    lower(hex(source_id)) AS source,
    count() AS rows,
    sum(frame * frame * 31 + frame + ordinal) % 4294967296 AS places
FROM {table:Identifier} FINAL
GROUP BY source_id
ORDER BY source
