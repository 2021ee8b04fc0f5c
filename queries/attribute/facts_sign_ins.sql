-- id: attribute/facts_sign_ins
-- title: Sign-ins on some addresses, or on the network cards that had them
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back and a look-ahead
-- why: names rest on intervals between these rows, and a server that starts anew ends all of its sessions
-- One question for each reason, so that each is answered by its own index.
SELECT DISTINCT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, event, account_token AS account,
       toString(ip) AS address, mac AS card, session, nas, basis
FROM
(
    SELECT source_id, frame, ordinal, time, event, account_token, ip, mac, session, nas, basis
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND event = 'restart'
    UNION ALL
    SELECT source_id, frame, ordinal, time, event, account_token, ip, mac, session, nas, basis
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND event != 'fail' AND ip IN {ips:Array(IPv6)}
    UNION ALL
    SELECT source_id, frame, ordinal, time, event, account_token, ip, mac, session, nas, basis
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND event != 'fail' AND mac != '' AND mac IN {cards:Array(String)}
)
ORDER BY moment, source, frame, ordinal
