-- id: retention/tokens
-- title: Every account that the store still speaks of
-- reader: retention, to know whose names may be forgotten
-- window: all
-- why: the name of an account that stands nowhere any more has no reason to be kept
SELECT DISTINCT token
FROM (
    SELECT toString(account_token) AS token FROM flows
    UNION DISTINCT SELECT toString(account_token) FROM web_hits
    UNION DISTINCT SELECT toString(from_token) FROM mail_events
    UNION DISTINCT SELECT arrayJoin(to_tokens) FROM mail_events
    UNION DISTINCT SELECT toString(account_token) FROM sign_ins
    UNION DISTINCT SELECT toString(account_token) FROM accounts
    UNION DISTINCT SELECT toString(owner_token) FROM devices
    UNION DISTINCT SELECT toString(subject_token) FROM findings
)
WHERE token != ''
ORDER BY token
