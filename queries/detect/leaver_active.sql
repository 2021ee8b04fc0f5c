-- id: detect/leaver_active
-- title: An account that was used after its holder had left
-- means: An account was signed in more than a day after the register says that it ended. Who used it is not known: its holder, or somebody who knows its password.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one account
-- policy: acceptable use: accounts are for current pupils and staff; access is withdrawn on leaving
-- why: an account that nobody looks after is how strangers come in; the remedy is to close it, and to find out who used it before anybody is asked about it
-- false alarms: a register that was not brought up to date, a holder who came back
-- Only where no line of the register holds then, so that who moved from one school to another is no leaver. A day of grace.
-- Accounting often begins before the device has an address: where a sign-in names a card alone, it took place where that card's nearest lease is, from twelve hours before to ten
-- minutes after. A session is heard of by its interim records, too, where its beginning was lost. A sign-in of which nothing says where it took place is left out.
WITH
    leavers AS
    (
        SELECT account_token, max(valid_to) AS ended_at FROM v_accounts
        GROUP BY account_token
        HAVING countIf(valid_to = fromUnixTimestamp64Micro(0, 'UTC')) = 0
    ),
    signed AS
    (
        SELECT source_id, frame, ordinal, time, ip, mac, account_token,
               if(session = '', toString((lower(hex(source_id)), frame, ordinal)), toString(session)) AS one
        FROM sign_ins
        INNER JOIN leavers USING (account_token)
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND event IN ('start', 'logon', 'interim') AND account_token != '' AND time > addDays(ended_at, 1)
    ),
    by_card AS
    (
        SELECT s.source_id AS source_id, s.frame AS frame, s.ordinal AS ordinal, s.time AS time, s.account_token AS account_token, s.one AS one,
               argMin(l.ip, (abs(toUnixTimestamp64Micro(l.time) - toUnixTimestamp64Micro(s.time)), l.ip)) AS ip
        FROM signed AS s
        INNER JOIN leases AS l ON l.mac = s.mac
        WHERE s.ip = toIPv6('::') AND s.mac != '' AND l.event IN ('assign', 'renew')
          AND l.time >= s.time - INTERVAL 12 HOUR AND l.time <= s.time + INTERVAL 10 MINUTE
        GROUP BY source_id, frame, ordinal, time, account_token, one
    )
SELECT toString(ip) AS address, account_token AS account, toUInt64(uniqExact(one)) AS n, toUInt64(uniqExact(ip)) AS wide,
       toUnixTimestamp64Micro(min(time)) AS moment, toUnixTimestamp64Micro(max(time)) AS ended,
       groupArraySorted(20)(('sign_ins', lower(hex(source_id)), frame, ordinal)) AS places
FROM
(
    SELECT source_id, frame, ordinal, time, account_token, one, ip FROM signed WHERE ip != toIPv6('::')
    UNION ALL
    SELECT source_id, frame, ordinal, time, account_token, one, ip FROM by_card
)
GROUP BY account_token, ip, toDate32(time, {zone:String})
ORDER BY moment, address, account
