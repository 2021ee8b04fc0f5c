-- id: detect/category_hit
-- title: Use of a category that the lists hold
-- means: Somebody asked for names or pages that stand on the provider's lists of categories, more than by chance.
-- reader: the establishment's designated safeguarding lead
-- severity: medium
-- window: one local day of one subject and one category
-- policy: acceptable use 3.1.2 and 3.1.4: material that must not be sought, and access that appears deliberate
-- why: schools must have filtering and monitoring in place (Keeping children safe in education, filtering and monitoring standards); only requests that met a list are read
-- false alarms: embedded advertisements, suggestions of a search engine, planned lessons, software that retries a refused name, lists that are too wide
SELECT 'web_hits' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, toString(client_ip) AS address,
       account_token AS account, toString(method) AS verb, toString(host) AS name, domain(referrer) AS referrer_host, content_type AS media, action,
       categories, lists
FROM web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND notEmpty(categories) AND action != 'authenticate'
UNION ALL
SELECT 'dns_queries' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, toString(client_ip) AS address,
       '' AS account, '' AS verb, toString(qname) AS name, '' AS referrer_host, '' AS media, action,
       categories, lists
FROM dns_queries
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND notEmpty(categories)
ORDER BY moment, tab, source, frame, ordinal
