-- id: retention/ended_accounts
-- title: The accounts that have ended before the line and that no record speaks of
-- reader: retention, as a part of its other statements
-- window: all
-- why: the register keeps its history while records refer to it, and not longer; older lines go with the newest, which would else come back
SELECT account_token
FROM v_accounts
WHERE account_token NOT IN (SELECT account_token FROM flows)
  AND account_token NOT IN (SELECT account_token FROM web_hits)
  AND account_token NOT IN (SELECT from_token FROM mail_events)
  AND account_token NOT IN (SELECT arrayJoin(to_tokens) FROM mail_events)
  AND account_token NOT IN (SELECT account_token FROM sign_ins)
  AND account_token NOT IN (SELECT subject_token FROM findings)
GROUP BY account_token
HAVING min(valid_to) > fromUnixTimestamp64Micro(0, 'UTC') AND max(valid_to) < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
