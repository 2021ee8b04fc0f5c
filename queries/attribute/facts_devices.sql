-- id: attribute/facts_devices
-- title: Devices and their owners
-- reader: the program itself, when it is asked who used an address
-- window: all; each line has its own validity
-- why: a lease names a person only through a device with one registered owner; of one card the newest import's lines count
SELECT lower(hex(source_id)) AS source, frame, ordinal, mac AS card, owner_token AS owner, shared,
       toUnixTimestamp64Micro(valid_from) AS valid_from, toUnixTimestamp64Micro(valid_to) AS valid_to
FROM devices
WHERE mac != '' AND ({all:UInt8} = 1 OR mac IN {cards:Array(String)})
  AND (mac, source_id) IN (
    SELECT mac, argMax(source_id, (opened, source_id))
    FROM devices LEFT JOIN (SELECT source_id, min(opened) AS opened FROM sources GROUP BY source_id) AS known USING (source_id)
    GROUP BY mac)
ORDER BY source_id, frame, ordinal
