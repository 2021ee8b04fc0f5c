-- id: detect/link_saturated
-- title: A line of an establishment is full
-- means: What an establishment sent or received filled its registered line for a quarter of an hour on end, or for a twentieth of the working day in pieces.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one establishment and one direction
-- policy: acceptable use 3.1.5: any activity that causes congestion that hinders others; a provider must keep the line usable for all
-- why: a full line hinders everybody at the establishment; only sizes and times are read, nobody is named
-- false alarms: a line that was made larger and not registered, a day of updates, a copy of the traffic that is seen twice
-- Full: 90 parts in a hundred of what the register says (ours). A twentieth of the day from 08:00 to 16:00: the 95th percentile, by which lines are sold.
-- Bytes are of IP packets, without the frames around them, so that the line is fuller than this says, by a few parts in a hundred.
-- A flow is shared out evenly over the bins of five minutes that it spans, in whole numbers, so that no order of rows changes a sum.
-- A firewall's line about a session that goes on (active) has running totals, and its last line has them all: only that one is summed.
-- Addresses between which the register of networks makes no difference are counted together, under the lowest of them.
SELECT toString(min(e.src_ip)) AS src, toString(min(e.dst_ip)) AS dst, e.bin AS bin,
       toUInt64(sum(intDiv(toInt256(e.src_bytes) * e.part, e.length))) AS from_src, toUInt64(sum(intDiv(toInt256(e.dst_bytes) * e.part, e.length))) AS from_dst
FROM
(
    SELECT src_ip, dst_ip, src_bytes, dst_bytes, toUInt8(1) AS always,
           toUnixTimestamp64Micro(start) AS began, greatest(toUnixTimestamp64Micro(`end`), began + 1) AS ended, ended - began AS length,
           arrayJoin(range(intDiv(greatest(began, {since:Int64}), 300000000), intDiv(least(ended, {until:Int64}) - 1, 300000000) + 1)) AS bin,
           least(ended, (bin + 1) * 300000000) - greatest(began, bin * 300000000) AS part
    FROM flows
    WHERE `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND action != 'blocked' AND NOT (action != '' AND end_reason = 'active')
) AS e
ASOF LEFT JOIN v_network_ranges AS s ON s.always = e.always AND toUInt128(e.src_ip) >= s.first
ASOF LEFT JOIN v_network_ranges AS d ON d.always = e.always AND toUInt128(e.dst_ip) >= d.first
GROUP BY s.first, d.first, bin
ORDER BY bin, src, dst
