-- id: backup/fingerprint
-- title: How many rows a table has, from when to when, and a fingerprint of their places
-- reader: store backup, restore and drill
-- window: all
-- why: a store that was restored must give the answers that it gave when it was backed up
SELECT count() AS rows, toUnixTimestamp64Micro(min({time:Identifier})) AS first, toUnixTimestamp64Micro(max({time:Identifier})) AS last,
       hex(sum(cityHash64(source_id, frame, ordinal))) AS places
FROM {table:Identifier}
