-- id: attribute/facts_servers
-- title: Access servers that send interim records, and addresses that translators had outside
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back; for translators a month on either side of that
-- why: where interim records are usual, their silence ends a session sooner; an address that stands for others is nobody's own
-- Both in one question, since planning it costs more than answering it.
SELECT nas, translator
FROM
(
    SELECT DISTINCT toString(nas) AS nas, '' AS translator
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND event = 'interim'
    UNION ALL
    SELECT DISTINCT '' AS nas, toString(outside_ip) AS translator
    FROM translations
    WHERE ({all:UInt8} = 1 OR outside_ip IN {ips:Array(IPv6)}) AND inside_ip != outside_ip
      AND `from` < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 31 DAY
      AND greatest(`from`, `to`) >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 31 DAY
)
ORDER BY nas, translator
