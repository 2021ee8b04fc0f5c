-- id: register/devices
-- title: Devices and their owners, as tokens
-- reader: technicians, to check what was imported
-- window: all
-- why: attribution is worth no more than the registers that it rests on; names of people stand as tokens
SELECT
    mac,
    owner_token,
    shared,
    establishment,
    description,
    if(valid_from = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_from)) AS `from`,
    if(valid_to = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_to)) AS `to`
FROM v_devices
ORDER BY establishment, mac, valid_from
