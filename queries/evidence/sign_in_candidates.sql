-- id: evidence/sign_in_candidates
-- title: Sign-ins of the subject
-- reader: evidence export, which judges each row before it is given out
-- window: the one of the request
-- why: an authorised request is about named accounts, addresses or network cards; nothing else is looked at
-- One question for each kind of name, so that each is answered by its own index.
SELECT DISTINCT
    lower(hex(source_id)) AS source,
    frame,
    ordinal,
    toUnixTimestamp64Micro(time) AS at,
    replaceRegexpOne(toString(address), '^::ffff:', '') AS ip,
    account_token AS account
FROM
(
    SELECT source_id, frame, ordinal, time, sign_ins.ip AS address, account_token
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND account_token IN {accounts:Array(String)}
    UNION ALL
    SELECT source_id, frame, ordinal, time, sign_ins.ip AS address, account_token
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND sign_ins.ip IN {addresses:Array(IPv6)}
    UNION ALL
    SELECT source_id, frame, ordinal, time, sign_ins.ip AS address, account_token
    FROM sign_ins
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND mac IN {cards:Array(String)}
)
ORDER BY at, source, frame, ordinal
