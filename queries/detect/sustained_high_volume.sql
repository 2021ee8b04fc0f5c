-- id: detect/sustained_high_volume
-- title: One user takes a large part of the line for long
-- means: One person or device used so much of the establishment's line for so long that others may have been hindered.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: the bins of five minutes in which the use was high
-- policy: acceptable use 3.1.5: sustained high volume, and any activity that causes congestion that hinders others
-- why: a provider must keep the line usable for all; only addresses, times and sizes are read
-- false alarms: updates, backups that are not registered, a whole class behind one address, transfers within the provider's network
-- A firewall's line about a session that goes on (active) has running totals, and its last line has them all: only that one is summed.
WITH
    placed AS
    (
        SELECT e.source_id AS source_id, e.frame AS frame, e.ordinal AS ordinal, e.start AS start, e.`end` AS `end`, e.src_ip AS src_ip, e.dst_ip AS dst_ip,
               e.src_bytes AS src_bytes, e.dst_bytes AS dst_bytes, toString(e.account_token) AS account,
               notEmpty(s.networks) AS from_inside, notEmpty(d.networks) AS to_inside
        FROM
        (
            SELECT *, toUInt8(1) AS always
            FROM flows
            WHERE `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND NOT (action != '' AND end_reason = 'active')
        ) AS e
        ASOF LEFT JOIN v_network_ranges AS s ON s.always = e.always AND toUInt128(e.src_ip) >= s.first
        ASOF LEFT JOIN v_network_ranges AS d ON d.always = e.always AND toUInt128(e.dst_ip) >= d.first
    ),
    sides AS
    (
        SELECT source_id, frame, ordinal, start, `end`, src_ip AS address, dst_ip AS other, dst_bytes AS down, src_bytes AS up, account
        FROM placed
        WHERE from_inside OR NOT to_inside
        UNION ALL
        SELECT source_id, frame, ordinal, start, `end`, dst_ip AS address, src_ip AS other, src_bytes AS down, dst_bytes AS up, '' AS account
        FROM placed
        WHERE to_inside
    ),
    busy AS
    (
        SELECT DISTINCT address
        FROM
        (
            SELECT address, down, up, toUnixTimestamp64Micro(start) AS began, toUnixTimestamp64Micro(`end`) AS ended,
                   arrayJoin(range(intDiv(began, 300000000), intDiv(ended, 300000000) + 1)) AS bin,
                   if(ended = began, 1, (least(ended, (bin + 1) * 300000000) - greatest(began, bin * 300000000)) / (ended - began)) AS part
            FROM sides
        )
        GROUP BY address, bin
        HAVING sum(down * part) >= {down_bytes:UInt64} OR sum(up * part) >= {up_bytes:UInt64}
    )
SELECT 'flows' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(start) AS moment, toUnixTimestamp64Micro(`end`) AS ended,
       toString(address) AS inside_address, toString(other) AS far_address, down, up, account
FROM sides
WHERE address IN (SELECT address FROM busy)
ORDER BY inside_address, moment, source, frame, ordinal
