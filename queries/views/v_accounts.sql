-- id: views/v_accounts
-- title: The register of accounts as it stands: of an account, the lines of the newest import that names it
-- reader: attribution, rules, reports and dashboards
-- window: all; each line has its own validity
-- why: a register that was corrected is imported again, and what it said before must not count any more
CREATE OR REPLACE VIEW v_accounts AS
SELECT
    source_id,
    frame,
    ordinal,
    account_token,
    establishment,
    role,
    year_group,
    valid_from,
    valid_to
FROM accounts FINAL
WHERE (account_token, source_id) IN (
    SELECT account_token, argMax(source_id, (opened, source_id))
    FROM accounts
    LEFT JOIN (SELECT source_id, max(opened) AS opened FROM sources GROUP BY source_id) AS imported USING (source_id)
    GROUP BY account_token
);
