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
SELECT toString(ip) AS address, account_token AS account, count() AS n, toUInt64(uniqExact(ip)) AS wide,
       toUnixTimestamp64Micro(min(time)) AS moment, toUnixTimestamp64Micro(max(time)) AS ended,
       groupArraySorted(20)(('sign_ins', lower(hex(source_id)), frame, ordinal)) AS places
FROM sign_ins
INNER JOIN
(
    SELECT account_token, max(valid_to) AS ended_at FROM v_accounts
    GROUP BY account_token
    HAVING countIf(valid_to = fromUnixTimestamp64Micro(0, 'UTC')) = 0
) AS leavers USING (account_token)
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND event IN ('start', 'logon') AND account_token != '' AND time > addDays(ended_at, 1)
GROUP BY account_token, ip, toDate(time)
ORDER BY moment, address, account
