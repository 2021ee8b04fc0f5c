-- id: detect/category_searches
-- title: Searches that name a category
-- reader: the rule category_hit, to tell a search and its click from chance
-- window: the rule's, with a quarter of an hour before it
-- why: a search that names what was then visited speaks for purpose; only the words of the categories found are looked for, and what was searched for is neither read out nor stored
SELECT 'web_hits' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, toString(client_ip) AS address,
       account_token AS account, arrayFilter(word -> position(lower(search_terms), word) > 0, {words:Array(String)}) AS found
FROM web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND search_terms != '' AND notEmpty(found) AND ({all:UInt8} = 1 OR client_ip IN {ips:Array(IPv6)})
ORDER BY moment, source, frame, ordinal
