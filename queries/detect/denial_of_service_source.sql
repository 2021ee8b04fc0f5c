-- id: detect/denial_of_service_source
-- title: One device floods another
-- means: A device began ten thousand or more flows to one far end within ten minutes, most of which were not answered, as takes place when a service is flooded.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one subject
-- policy: acceptable use: no impairing of any computer (Computer Misuse Act 1990, section 3)
-- why: the far end is harmed and so is the link; the device should be looked at first, since malicious software does this unseen
-- false alarms: a broken program that tries again without pause, a measuring tool, a mirror port that shows one side only
-- Not answered: nothing came back.
SELECT toString(src_ip) AS address, '' AS account, count() AS n, count() AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND action != 'blocked'
GROUP BY src_ip, dst_ip, toStartOfTenMinutes(start)
HAVING n >= 10000 AND countIf(dst_packets = 0) * 2 > n
ORDER BY moment, address, n
