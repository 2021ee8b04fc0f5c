-- id: views/v_networks
-- title: The register of networks as it stands: of a network, the lines of the newest import that names it
-- reader: attribution, rules, reports and dashboards
-- window: all; each line has its own validity
-- why: a register that was corrected is imported again, and what it said before must not count any more
CREATE OR REPLACE VIEW v_networks AS
SELECT
    source_id,
    frame,
    ordinal,
    first_ip,
    last_ip,
    bits,
    establishment,
    segment,
    valid_from,
    valid_to
FROM networks FINAL
WHERE (first_ip, bits, source_id) IN (
    SELECT first_ip, bits, argMax(source_id, (opened, source_id))
    FROM networks
    LEFT JOIN (SELECT source_id, max(opened) AS opened FROM sources GROUP BY source_id) AS imported USING (source_id)
    GROUP BY first_ip, bits
);
