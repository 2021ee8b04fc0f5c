-- id: evidence/figures_subscriber
-- title: The figures of a report over lines of the registers
-- reader: evidence export; a stranger recomputes them from the records
-- window: lines that hold at some moment of the request's window
-- why: ACPO principle 3: an independent third party must come to the same result, so the figures stand beside the records
WITH chosen AS
(
    SELECT
        account_token,
        toString(role) AS role
    FROM v_accounts AS accounts
    WHERE has({accounts:Array(String)}, account_token)
        AND accounts.valid_from < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND (toUnixTimestamp64Micro(accounts.valid_to) = 0 OR accounts.valid_to > fromUnixTimestamp64Micro({since:Int64}, 'UTC'))
)
SELECT figure, key, value
FROM
(
    SELECT 'rows' AS figure, '' AS key, toString(count()) AS value FROM chosen
    UNION ALL
    SELECT 'accounts', '', toString(uniqExact(account_token)) FROM chosen
    UNION ALL
    SELECT 'rows_by_role', role, toString(count()) FROM chosen GROUP BY role
)
ORDER BY figure, key
