-- id: store/sources
-- title: Sources read, how far, and what became of their frames
-- reader: the operator, for the health of the system
-- window: all
-- why: read = stored + rejected + ignored is checked at a glance; holds no personal data
SELECT
    lower(hex(source_id)) AS source,
    kind,
    opened,
    bytes,
    first_time,
    last_time,
    read,
    stored,
    rejected,
    ignored,
    reasons,
    tool_version
FROM sources FINAL
ORDER BY opened, source
