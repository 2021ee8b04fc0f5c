-- id: views/v_devices
-- title: The register of devices as it stands: of a device, the lines of the newest import that names it
-- reader: attribution, rules, reports and dashboards
-- window: all; each line has its own validity
-- why: a register that was corrected is imported again, and what it said before must not count any more
CREATE OR REPLACE VIEW v_devices AS
SELECT
    source_id,
    frame,
    ordinal,
    mac,
    owner_token,
    shared,
    establishment,
    description,
    valid_from,
    valid_to
FROM devices FINAL
WHERE (mac, source_id) IN (
    SELECT mac, argMax(source_id, (opened, source_id))
    FROM devices
    LEFT JOIN (SELECT source_id, max(opened) AS opened FROM sources GROUP BY source_id) AS imported USING (source_id)
    GROUP BY mac
);
