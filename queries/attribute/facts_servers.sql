-- id: attribute/facts_servers
-- title: Access servers that send interim records
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back
-- why: where interim records are usual, their silence ends a session sooner
SELECT DISTINCT toString(nas) AS nas
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND event = 'interim'
ORDER BY nas
