-- id: register/accounts
-- title: Accounts, as tokens
-- reader: technicians, to check what was imported
-- window: all
-- why: attribution is worth no more than the registers that it rests on; names of people stand as tokens
SELECT
    account_token,
    establishment,
    role,
    year_group,
    if(valid_from = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_from)) AS `from`,
    if(valid_to = fromUnixTimestamp64Micro(0, 'UTC'), '', toString(valid_to)) AS `to`
FROM v_accounts
ORDER BY establishment, role, account_token, valid_from
