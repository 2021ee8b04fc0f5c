-- id: retention/held
-- title: How many rows each hold keeps of what is due
-- reader: retention, for its report and its entry in the ledger
-- window: all before the line
-- why: whoever asks why something is still there is told which hold keeps it
SELECT arrayJoin(arrayDistinct([toUInt64(0)] /* covers */)) AS hold, count() AS rows
FROM {table:Identifier}
WHERE {time:Identifier} < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND (1 /* which */)
GROUP BY hold
ORDER BY hold
