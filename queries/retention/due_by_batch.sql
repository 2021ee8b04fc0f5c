-- id: retention/due_by_batch
-- title: What of a table is due to go, by source or by batch of one source, with sums over the places
-- reader: retention, so that the ledger tells which rows went; and whoever compares the store with the ledger later
-- window: all before the line
-- why: rows that are lost beside those that were deleted would not be missed
SELECT
    lower(hex(source_id)) AS source,
    roundDown(frame, {starts:Array(UInt64)}) AS first,
    countIf(NOT (0 /* held */)) AS gone,
    sumIf(frame * frame * 31 + frame + ordinal, NOT (0 /* held */)) % 4294967296 AS gone_places,
    countIf(0 /* held */) AS kept,
    sumIf(frame * frame * 31 + frame + ordinal, 0 /* held */) % 4294967296 AS kept_places
FROM {table:Identifier} FINAL
WHERE {time:Identifier} < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND (1 /* which */)
  AND ({source:String} = '' OR lower(hex(source_id)) = {source:String})
GROUP BY source, first
ORDER BY source, first
