-- id: retention/account_addresses
-- title: The addresses that an account had, by day, with the days before and after
-- reader: legal holds on an account
-- window: that of the hold
-- why: most rows bear an address and no account; a hold keeps rather too many of them than too few
SELECT toString(ip) AS address, toUnixTimestamp64Micro(toDateTime64(min(day), 6, 'UTC')) AS since, toUnixTimestamp64Micro(toDateTime64(max(day) + 1, 6, 'UTC')) AS until
FROM (
    SELECT ip, day, day - row_number() OVER (PARTITION BY ip ORDER BY day) AS run
    FROM (
        SELECT DISTINCT ip, toDate(time, 'UTC') + arrayJoin([-1, 0, 1]) AS day
        FROM (
            SELECT ip, time FROM sign_ins WHERE account_token = {token:String}
            UNION ALL
            SELECT ip, time FROM leases
            WHERE mac != '' AND mac IN (
                SELECT mac FROM sign_ins WHERE account_token = {token:String}
                UNION DISTINCT SELECT mac FROM devices WHERE owner_token = {token:String})
        )
        WHERE ip != toIPv6('::')
          AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    )
)
GROUP BY ip, run
ORDER BY address, since
