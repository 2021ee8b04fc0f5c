-- id: detect/password_guessing
-- title: Many failed sign-ins from one address
-- means: From one address, sign-ins failed thirty times or more within ten minutes, or for ten accounts or more: passwords are being guessed, or something keeps trying an old one.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: no use of the accounts of others (Computer Misuse Act 1990, section 1)
-- why: whose account is guessed must be protected; the accounts that were tried are counted and not named, and are never the subject
-- false alarms: a device that keeps trying a password that was changed, a class that signs in after a reset, a shared address
-- The accounts that were tried are not the subject: whoever was at the address is.
SELECT toString(ip) AS address, '' AS account, count() AS n, toUInt64(uniqExact(account_token)) AS wide,
       toUnixTimestamp64Micro(min(time)) AS moment, toUnixTimestamp64Micro(max(time)) AS ended,
       groupArraySorted(20)(('sign_ins', lower(hex(source_id)), frame, ordinal)) AS places
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND event = 'fail'
GROUP BY ip, toStartOfTenMinutes(time)
HAVING n >= 30 OR wide >= 10
ORDER BY moment, address
