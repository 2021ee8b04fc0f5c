-- id: retention/later
-- title: How many rows of a table are dated later than now
-- reader: retention, for its report
-- window: all after the moment given
-- why: a wrong clock makes rows that are never due; somebody must be told
SELECT count() AS rows
FROM {table:Identifier}
WHERE {time:Identifier} >= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
