-- id: attribute/facts_lease_lengths
-- title: How long leases of a server last that does not say it
-- reader: the program itself, when it is asked who used an address of which too little is heard to tell
-- window: the moments asked about, with a look-back and a look-ahead
-- why: a lease that is believed for too long gives the address to whoever left it; clients renew when half of a lease is over (RFC 2131, 4.4.5), so the pauses between one card's words tell it
-- By source and the addresses beside one, 256 of IPv4 and a link's 64 bits of IPv6, since a server gives guests other leases than rooms.
-- Renewals come on the minute, a second early or late, and what comes most often tells; clients that went and came back do so at any time. Of equals the shortest.
SELECT lower(hex(source_id)) AS source, toString(near) AS pool, toInt64(minutes * 60000000) AS usual
FROM
(
    SELECT source_id, near, mac, lagInFrame(mac) OVER words AS before,
           toUnixTimestamp64Micro(time) - toUnixTimestamp64Micro(lagInFrame(time) OVER words) AS pause
    FROM
    (
        SELECT *, tupleElement(IPv6CIDRToRange(ip, if(ip BETWEEN toIPv6('::ffff:0.0.0.0') AND toIPv6('::ffff:255.255.255.255'), 120, 64)), 1) AS near
        FROM leases
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND event IN ('assign', 'renew') AND toUnixTimestamp64Micro(expires) = 0
    )
    WHERE near IN {pools:Array(IPv6)}
    WINDOW words AS (PARTITION BY source_id, ip ORDER BY time, frame, ordinal)
)
WHERE mac != '' AND mac = before AND pause >= {shortest:Int64}
GROUP BY source_id, near, intDiv(pause + 30000000, 60000000) AS minutes
HAVING count() >= {enough:UInt32}
ORDER BY source, near, count() DESC, minutes
LIMIT 1 BY source, near
