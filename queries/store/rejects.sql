-- id: store/rejects
-- title: What could not be read, by source and reason, with the first place of each
-- reader: technicians, to find the fault in a log or in its format
-- window: all
-- why: a lost line can let an offender go; holds places and reasons, not the lines
SELECT
    lower(hex(source_id)) AS source,
    reason,
    count() AS frames,
    min(frame) AS first_frame,
    max(frame) AS last_frame,
    argMin(offset, frame) AS first_offset
FROM rejects
GROUP BY source_id, reason
ORDER BY source, frames DESC, reason
