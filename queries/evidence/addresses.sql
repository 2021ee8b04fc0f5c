-- id: evidence/addresses
-- title: The addresses at which accounts were, or at which devices registered to them were
-- reader: evidence export
-- window: the one of the request, and before it as far as an attribution may look back
-- why: what an account did stands partly under addresses; which rows are its own is judged afterwards
SELECT DISTINCT replaceRegexpOne(toString(address), '^::ffff:', '') AS ip
FROM
(
    SELECT ip AS address
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND has({accounts:Array(String)}, account_token)
    UNION ALL
    SELECT ip AS address
    FROM leases
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND mac IN (SELECT mac FROM v_devices WHERE has({accounts:Array(String)}, owner_token) AND mac != '')
)
WHERE address != toIPv6('::')
ORDER BY ip
