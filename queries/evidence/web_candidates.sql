-- id: evidence/web_candidates
-- title: Web requests that may belong to the subject
-- reader: evidence export, which judges each row before it is given out
-- window: the one of the request
-- why: an authorised request is about named accounts, addresses or network cards; nothing else is looked at
-- One question for each kind of name, so that each is answered by its own index.
SELECT DISTINCT
    lower(hex(source_id)) AS source,
    frame,
    ordinal,
    toUnixTimestamp64Micro(time) AS at,
    replaceRegexpOne(toString(client_ip), '^::ffff:', '') AS ip,
    account_token AS account
FROM
(
    SELECT source_id, frame, ordinal, time, client_ip, account_token
    FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND account_token IN {accounts:Array(String)}
    UNION ALL
    SELECT source_id, frame, ordinal, time, client_ip, account_token
    FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND client_ip IN {addresses:Array(IPv6)}
)
ORDER BY at, source, frame, ordinal
