-- id: views/v_links
-- title: The register of links as it stands: of a link, the lines of the newest import that names it
-- reader: attribution, rules, reports and dashboards
-- window: all; each line has its own validity
-- why: a register that was corrected is imported again, and what it said before must not count any more
CREATE OR REPLACE VIEW v_links AS
SELECT
    source_id,
    frame,
    ordinal,
    link,
    establishment,
    down_bits_per_second,
    up_bits_per_second,
    valid_from,
    valid_to
FROM links FINAL
WHERE (link, source_id) IN (
    SELECT link, argMax(source_id, (opened, source_id))
    FROM links
    LEFT JOIN (SELECT source_id, max(opened) AS opened FROM sources GROUP BY source_id) AS imported USING (source_id)
    GROUP BY link
);
