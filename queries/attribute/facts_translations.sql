-- id: attribute/facts_translations
-- title: Whom an outside address and port stood for
-- reader: the program itself, when it is asked who used an address
-- window: the moment asked about; what began before it counts as long as it may still have held
-- why: behind a translator one address stands for many, and only the translator's own record tells which (RFC 6302, RFC 6888)
-- A port or protocol of 0 is "not known" of the question, and "all" of the row. The longest life of a translation without an end is within `since`.
SELECT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(`from`) AS began, toUnixTimestamp64Micro(`to`) AS ended,
       protocol, toString(inside_ip) AS inside, inside_port, outside_port_first AS first_port, outside_port_last AS last_port
FROM translations
WHERE outside_ip = {ip:IPv6} AND inside_ip != outside_ip
  AND `from` < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND (`to` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
       OR (toUnixTimestamp64Micro(`to`) = 0 AND `from` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')))
  AND ({port:UInt16} = 0 OR outside_port_first = 0 OR {port:UInt16} BETWEEN outside_port_first AND outside_port_last)
  AND ({protocol:UInt8} = 0 OR protocol IN (0, {protocol:UInt8}))
ORDER BY began, source, frame, ordinal
LIMIT {most:UInt64}
