-- id: attribute/facts_unread
-- title: Sources of leases with lines that could not be placed in time
-- reader: the program itself, before it asks when that was
-- window: the moments asked about, with a look-back and a look-ahead
-- why: most stores have none, and when it was takes longer to ask than all the rest
SELECT count() AS sources
FROM (SELECT DISTINCT source_id FROM rejects WHERE reason = 'bad_time')
WHERE source_id IN
(
    SELECT source_id
    FROM leases
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
)
