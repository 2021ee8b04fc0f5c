-- id: register/links
-- title: Links and what they can carry
-- reader: technicians, to check what was imported
-- window: all
-- why: attribution is worth no more than the registers that it rests on; names of people stand as tokens
SELECT
    link,
    establishment,
    down_bits_per_second,
    up_bits_per_second,
    if(valid_from = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_from)) AS `from`,
    if(valid_to = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_to)) AS `to`
FROM v_links
ORDER BY link, valid_from
