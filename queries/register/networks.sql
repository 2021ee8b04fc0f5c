-- id: register/networks
-- title: Networks and the establishments that they belong to
-- reader: technicians, to check what was imported
-- window: all
-- why: attribution is worth no more than the registers that it rests on; names of people stand as tokens
SELECT
    replaceRegexpOne(toString(first_ip),
    '^::ffff:([0-9]+[.][0-9.]+)$', '\\1') AS first,
    replaceRegexpOne(toString(last_ip),
    '^::ffff:([0-9]+[.][0-9.]+)$', '\\1') AS last,
    establishment,
    segment,
    if(valid_from = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_from)) AS `from`,
    if(valid_to = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_to)) AS `to`
FROM v_networks
ORDER BY first_ip, bits, valid_from
