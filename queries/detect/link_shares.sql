-- id: detect/link_shares
-- title: Who filled an establishment's line, the five largest
-- reader: the rule link_saturated
-- window: the moments in which the line was full
-- why: whether one device or all of them filled it decides what is to be done; shares only, the addresses go into no finding
-- Flows that began outside are nobody's share.
SELECT sum(moved) AS bytes, sum(sum(moved)) OVER () AS total, sum(sumIf(moved, backup)) OVER () AS backed, count() OVER () AS devices,
       arrayMap(x -> ('flows', x.2, x.3, x.4), groupArraySorted(10)((-moved, source_id, frame, ordinal))) AS places
FROM
(
    SELECT source_id, frame, ordinal, src_ip,
           toUnixTimestamp64Micro(start) AS began, greatest(toUnixTimestamp64Micro(`end`), began + 1) AS ended,
           toInt64(intDiv(toInt256(if({downwards:UInt8} = 1, dst_bytes, src_bytes)) * (least(ended, {until:Int64}) - greatest(began, {since:Int64})), ended - began)) AS moved,
           arrayExists((first, last) -> toIPv6OrDefault(dst_ip) BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)}) AS backup
    FROM v_flows
    WHERE `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND establishment = {establishment:String} AND action != 'blocked' AND NOT (action != '' AND end_reason = 'active')
)
WHERE moved > 0
GROUP BY src_ip
ORDER BY bytes DESC, src_ip
LIMIT 5
