-- id: attribute/facts_translated
-- title: Whether an address is the outside one of a translator
-- reader: the program itself, when nobody is known to have had a port of it
-- window: a month on either side of the moment
-- why: an address that stands for others is nobody's own, also where the record of one port is missing
SELECT count() AS rows
FROM
(
    SELECT 1
    FROM translations
    WHERE outside_ip = {ip:IPv6} AND inside_ip != outside_ip
      AND `from` < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND greatest(`from`, `to`) >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
    LIMIT 1
)
