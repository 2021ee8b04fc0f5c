-- id: detect/scanning
-- title: One device tried many others, or many doors of one
-- means: A device tried to reach a hundred or more targets within ten minutes and was not answered: it searches for what can be entered, or something on it does.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: no attempt on the security of any system (Computer Misuse Act 1990, section 1)
-- why: scanning comes before break-ins and is how infected devices spread; only that nobody answered is counted
-- false alarms: inventory and monitoring of the network by staff, a device that looks for a printer that is gone, a device with malicious software whose user knows nothing of it
-- Across: one port of a hundred targets. Down: a hundred ports of one target. Unanswered: nothing came back, or a TCP reset alone.
SELECT toString(src_ip) AS address, '' AS account, count() AS n, toUInt64(greatest(uniqExact(dst_ip), uniqExact(dst_port))) AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM
(
    SELECT *, uniqExact(dst_ip) OVER (PARTITION BY src_ip, protocol, dst_port, toStartOfTenMinutes(start)) AS across,
           uniqExact(dst_port) OVER (PARTITION BY src_ip, protocol, dst_ip, toStartOfTenMinutes(start)) AS down
    FROM flows
    WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND application_class != 'p2p'
      AND (dst_packets = 0 OR (protocol = 6 AND bitTest(dst_tcp_flags, 2) AND src_payload_bytes = 0 AND dst_payload_bytes = 0))
      AND protocol IN (1, 6, 17, 58)
)
WHERE across >= 100 OR down >= 100
GROUP BY src_ip, toStartOfTenMinutes(start)
ORDER BY moment, address
