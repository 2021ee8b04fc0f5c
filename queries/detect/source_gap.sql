-- id: detect/source_gap
-- title: Records of one kind stopped while others went on
-- means: For an hour or longer an establishment's records of one kind are missing, as if nothing had been done, while records of another kind show that it was at work.
-- reader: the provider's technicians
-- severity: high
-- window: hours of one establishment and one kind of record
-- policy: filtering and monitoring standards: monitoring must work, and it must be known when it does not
-- why: what is not there cannot be found, and an audit over a gap that nobody knows of says wrongly that nothing happened; nobody is named
-- false alarms: a filter or a collector that was moved with notice, a kind of record that an establishment gives up
-- Addresses between which the register of networks makes no difference are counted together, under the lowest of them.
SELECT toString(min(e.ip)) AS address, e.kind AS kind, toUnixTimestamp(toStartOfHour(e.time)) AS moment, count() AS n
FROM (
    SELECT client_ip AS ip, time, 'web requests' AS kind, toUInt8(1) AS always FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT client_ip AS ip, time, 'questions for names' AS kind, toUInt8(1) AS always FROM dns_queries
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT src_ip AS ip, start AS time, 'flows' AS kind, toUInt8(1) AS always FROM flows
    WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT ip, time, 'sign-ins' AS kind, toUInt8(1) AS always FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
) AS e
ASOF LEFT JOIN v_network_ranges AS held ON held.always = e.always AND toUInt128(e.ip) >= held.first
GROUP BY held.first, kind, moment
ORDER BY address, kind, moment
