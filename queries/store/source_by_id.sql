-- id: store/source_by_id
-- title: What is known of one source
-- reader: the program, before it reads a source again
-- window: none
-- why: what is already stored of a source is not stored again; holds no personal data
SELECT
    lower(hex(source_id)) AS source_id,
    kind,
    toUnixTimestamp64Micro(opened) AS opened,
    digest,
    bytes,
    toUnixTimestamp64Micro(first_time) AS first_time,
    toUnixTimestamp64Micro(last_time) AS last_time,
    read,
    stored,
    rejected,
    ignored,
    reasons,
    tool_version
FROM sources FINAL
WHERE source_id = unhex({source:String})
