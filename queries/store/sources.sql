-- id: store/sources
-- title: Sources read, how far, and what became of their frames
-- reader: the operator, for the health of the system
-- window: all
-- why: read = stored + rejected + ignored is checked at a glance; holds no personal data
SELECT
    lower(hex(source_id)) AS source,
    kind,
    format,
    formatDateTime(opened, '%F %T') AS opened_utc,
    bytes,
    if(first_time = fromUnixTimestamp64Micro(0, 'UTC'), '', formatDateTime(first_time, '%F %T')) AS first_utc,
    if(last_time = fromUnixTimestamp64Micro(0, 'UTC'), '', formatDateTime(last_time, '%F %T')) AS last_utc,
    read,
    stored,
    rejected,
    ignored,
    reasons
FROM sources FINAL
ORDER BY sources.opened, source
