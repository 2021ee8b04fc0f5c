-- id: attribute/facts_sign_ins
-- title: Sign-ins on some addresses, or on the network cards that had them
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back and a look-ahead
-- why: names rest on intervals between these rows; a session is read whole, since its stop may bear no address, or another
SELECT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, event, account_token AS account,
       toString(ip) AS address, mac AS card, session, nas, basis
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND event != 'fail'
  AND ({all:UInt8} = 1 OR event = 'restart' OR ip IN {ips:Array(IPv6)} OR (mac != '' AND mac IN {cards:Array(String)})
       OR (session != '' AND (basis, nas, session) IN (
           SELECT basis, nas, session
           FROM sign_ins
           WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
             AND event != 'fail' AND session != ''
             AND (ip IN {ips:Array(IPv6)} OR (mac != '' AND mac IN {cards:Array(String)})))))
ORDER BY time, source_id, frame, ordinal
