-- id: retention/frames_held
-- title: Which frames of a source a hold keeps
-- reader: retention, to know which originals must stay
-- window: the frames of one source
-- why: a row that is held is proved by its line, so the line is held too
SELECT min(frame) AS first, max(frame) AS last
FROM {table:Identifier}
WHERE source_id = unhex({source:String}) AND (0 /* held */)
GROUP BY intDiv(frame, 1000)
ORDER BY first
