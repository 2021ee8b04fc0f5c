-- id: evidence/subscriber
-- title: What the registers say of accounts
-- reader: the recipient of an evidence package
-- window: lines that hold at some moment of the request's window
-- why: entity data: whose account it is (IPA 2016 s.261(3))
SELECT
    lower(hex(accounts.source_id)) AS source,
    accounts.frame AS frame,
    accounts.ordinal AS ordinal,
    account_token,
    establishment,
    role,
    year_group,
    if(toUnixTimestamp64Micro(accounts.valid_from) = 0, '', concat(replaceOne(toString(accounts.valid_from), ' ', 'T'), 'Z')) AS valid_from,
    if(toUnixTimestamp64Micro(accounts.valid_to) = 0, '', concat(replaceOne(toString(accounts.valid_to), ' ', 'T'), 'Z')) AS valid_to
FROM v_accounts AS accounts
WHERE has({accounts:Array(String)}, account_token)
    AND accounts.valid_from < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND (toUnixTimestamp64Micro(accounts.valid_to) = 0 OR accounts.valid_to > fromUnixTimestamp64Micro({since:Int64}, 'UTC'))
ORDER BY account_token, accounts.valid_from, source_id, frame, ordinal
