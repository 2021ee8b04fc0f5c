-- id: attribute/facts_leases
-- title: Leases of some addresses
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back and a look-ahead
-- why: a lease ties an address to a network card, and a register ties the card to its owner
SELECT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, event,
       toString(ip) AS address, mac AS card, toUnixTimestamp64Micro(expires) AS expires
FROM leases
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND ({all:UInt8} = 1 OR ip IN {ips:Array(IPv6)})
ORDER BY time, source_id, frame, ordinal
