-- id: attribute/facts_networks
-- title: Which networks belonged to which establishments
-- reader: the program itself, when it is asked who used an address
-- window: all; each line has its own validity
-- why: an event is placed by the register that held at its moment; of one network the newest import's lines count
SELECT lower(hex(source_id)) AS source, frame, ordinal, toString(first_ip) AS first, toString(last_ip) AS last, bits, establishment,
       toUnixTimestamp64Micro(valid_from) AS valid_from, toUnixTimestamp64Micro(valid_to) AS valid_to
FROM v_networks
ORDER BY source_id, frame, ordinal
