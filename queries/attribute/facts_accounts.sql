-- id: attribute/facts_accounts
-- title: Accounts that stand for several people or for none
-- reader: the program itself, when it is asked who used an address
-- window: all; each line has its own validity
-- why: a shared or service account must never be taken for a person; of one account the newest import's lines count
SELECT lower(hex(source_id)) AS source, frame, ordinal, account_token AS account, role,
       toUnixTimestamp64Micro(valid_from) AS valid_from, toUnixTimestamp64Micro(valid_to) AS valid_to
FROM v_accounts
WHERE role IN ('shared', 'service')
ORDER BY source_id, frame, ordinal
