-- id: evidence/flow_candidates
-- title: Flows that may belong to the subject
-- reader: evidence export, which judges each row before it is given out
-- window: the one of the request
-- why: an authorised request is about named accounts, addresses or network cards; nothing else is looked at
-- One question for each kind of name, so that each is answered by its own index.
SELECT DISTINCT
    lower(hex(source_id)) AS source,
    frame,
    ordinal,
    toUnixTimestamp64Micro(start) AS at,
    replaceRegexpOne(toString(if(has({addresses:Array(IPv6)}, dst_ip) AND NOT has({addresses:Array(IPv6)}, src_ip), dst_ip, src_ip)), '^::ffff:', '') AS ip,
    account_token AS account
FROM
(
    SELECT source_id, frame, ordinal, start, src_ip, dst_ip, account_token
    FROM flows
    WHERE start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
        AND account_token IN {accounts:Array(String)}
    UNION ALL
    SELECT source_id, frame, ordinal, start, src_ip, dst_ip, account_token
    FROM flows
    WHERE start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
        AND src_ip IN {addresses:Array(IPv6)}
    UNION ALL
    SELECT source_id, frame, ordinal, start, src_ip, dst_ip, account_token
    FROM flows
    WHERE start < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
        AND dst_ip IN {addresses:Array(IPv6)}
)
ORDER BY at, source, frame, ordinal
