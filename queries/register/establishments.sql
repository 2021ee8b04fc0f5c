-- id: register/establishments
-- title: Establishments
-- reader: technicians, to check what was imported
-- window: all
-- why: attribution is worth no more than the registers that it rests on; names of people stand as tokens
SELECT
    establishment,
    name,
    kind,
    urn,
    if(valid_from = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_from)) AS `from`,
    if(valid_to = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_to)) AS `to`
FROM v_establishments
ORDER BY establishment, valid_from
