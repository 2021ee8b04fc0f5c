-- id: detect/beaconing
-- title: Calls home at a steady pace
-- means: For four hours or longer a device opened small connections to one far end at nearly equal pauses, to which few others here spoke, as programs do that wait for orders.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: no harm to the network or to others; a device that is not its user's any more
-- why: what waits for orders on a device shows itself by its pace alone; only times, ends and sizes are read
-- false alarms: monitoring and backup that are not registered, messages and updates of a rare program, a device of the building that reports to its maker
-- Our limits, to be tried against a region's own data: 24 or more connections on a local day, over four hours or longer, each of at most 20,000 bytes,
-- pauses of 30 seconds to two hours, and four of five pauses within a fifth of the median (tools of this kind vary their pause by a tenth to a fifth as they come).
-- At a far end of updates, messages or time many devices call: one to which five or more addresses spoke on that day is left out, and so are the clock, names and
-- what networks need, what is told to be an update or a message by its server's name, known far ends of support and backup, and what stands inside.
-- A pair is read in full only if it is called often enough: the pauses of a whole region would not fit into memory.
WITH
    calls AS
    (
        SELECT source_id, frame, ordinal, start, `end`, src_ip, dst_ip, dst_port, protocol, toDate32(start, {zone:String}) AS day
        FROM flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND action != 'blocked' AND src_packets > 0 AND dst_packets > 0 AND src_bytes + dst_bytes <= 20000
          AND application NOT IN ('ntp', 'dns', 'dhcp', 'snmp', 'radius', 'icmp')
          AND application_class NOT IN ('dns', 'encrypted_dns', 'network', 'messaging')
          AND NOT match(server_name, '(^|[.])(windowsupdate[.]com|update[.]microsoft[.]com|msftconnecttest[.]com|push[.]apple[.]com|mesu[.]apple[.]com|mtalk[.]google[.]com|connectivitycheck[.]gstatic[.]com|archive[.]ubuntu[.]com|deb[.]debian[.]org)$')
          AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
          AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
    ),
    often AS
    (
        SELECT src_ip, dst_ip, dst_port, protocol, day
        FROM calls
        GROUP BY src_ip, dst_ip, dst_port, protocol, day
        HAVING count() BETWEEN 24 AND 2880 AND max(start) >= min(start) + INTERVAL 4 HOUR
    ),
    common AS
    (
        SELECT dst_ip, toDate32(start, {zone:String}) AS day
        FROM flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND dst_ip IN (SELECT dst_ip FROM often)
        GROUP BY dst_ip, day
        HAVING uniq(src_ip) >= 5
    )
SELECT toString(src_ip) AS address, '' AS account, count() AS n, toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       arraySort(groupArray(toUnixTimestamp64Micro(start))) AS starts, arrayPopFront(arrayDifference(starts)) AS pauses,
       arrayElement(arraySort(pauses), intDiv(length(pauses) + 1, 2)) AS median,
       toUInt64(intDiv(100 * arrayCount(pause -> 5 * abs(pause - median) <= median, pauses), length(pauses))) AS wide,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM calls
WHERE (src_ip, dst_ip, dst_port, protocol, day) IN (SELECT src_ip, dst_ip, dst_port, protocol, day FROM often)
  AND (dst_ip, day) NOT IN (SELECT dst_ip, day FROM common)
GROUP BY src_ip, dst_ip, dst_port, protocol, day
HAVING median BETWEEN 30000000 AND 7200000000 AND wide >= 80
ORDER BY moment, address, ended, n, wide, places
