-- id: attribute/facts_devices
-- title: Devices and their owners
-- reader: the program itself, when it is asked who used an address
-- window: all; each line has its own validity
-- why: a lease names a person only through a device with one registered owner; of one card the newest import's lines count
SELECT lower(hex(source_id)) AS source, frame, ordinal, mac AS card, owner_token AS owner, shared,
       toUnixTimestamp64Micro(valid_from) AS valid_from, toUnixTimestamp64Micro(valid_to) AS valid_to
FROM v_devices
WHERE mac != '' AND ({all:UInt8} = 1 OR mac IN {cards:Array(String)})
ORDER BY source_id, frame, ordinal
