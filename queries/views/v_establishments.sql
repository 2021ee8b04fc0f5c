-- id: views/v_establishments
-- title: The register of establishments as it stands: of an establishment, the lines of the newest import that names it
-- reader: attribution, rules, reports and dashboards
-- window: all; each line has its own validity
-- why: a register that was corrected is imported again, and what it said before must not count any more
CREATE OR REPLACE VIEW v_establishments AS
SELECT
    source_id,
    frame,
    ordinal,
    establishment,
    name,
    kind,
    urn,
    valid_from,
    valid_to
FROM establishments FINAL
WHERE (establishment, source_id) IN (
    SELECT establishment, argMax(source_id, (opened, source_id))
    FROM establishments
    LEFT JOIN (SELECT source_id, max(opened) AS opened FROM sources GROUP BY source_id) AS imported USING (source_id)
    GROUP BY establishment
);
