-- id: detect/flow_storm
-- title: A storm of small flows
-- means: A device began twenty thousand or more flows within ten minutes, each of a few packets, which fills tables of firewalls and translators long before it fills a link.
-- reader: the provider's technicians and the establishment's network manager
-- severity: low
-- window: one local day of one subject
-- policy: acceptable use: no use that disrupts the work of others
-- why: congestion is not of bytes alone; others are cut off when a table is full
-- false alarms: a resolver or a mail server of the establishment, an address that stands for many devices (translation), inventory by staff
-- A few packets: ten in both directions together.
SELECT toString(src_ip) AS address, '' AS account, count() AS n, count() AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND action != 'blocked' AND src_packets + dst_packets <= 10
GROUP BY src_ip, toStartOfTenMinutes(start)
HAVING n >= 20000
ORDER BY moment, address
