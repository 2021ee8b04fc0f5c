-- id: evidence/sign_in_candidates
-- title: Sign-ins of the subject
-- reader: evidence export, which judges each row before it is given out
-- window: the one of the request
-- why: an authorised request is about named accounts, addresses or network cards; nothing else is looked at
SELECT
    lower(hex(source_id)) AS source,
    frame,
    ordinal,
    toUnixTimestamp64Micro(time) AS at,
    replaceRegexpOne(toString(sign_ins.ip), '^::ffff:', '') AS ip,
    account_token AS account
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND (has({accounts:Array(String)}, account_token) OR has({addresses:Array(IPv6)}, sign_ins.ip) OR has({cards:Array(String)}, mac))
ORDER BY time, source_id, frame, ordinal
