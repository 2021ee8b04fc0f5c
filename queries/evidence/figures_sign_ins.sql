-- id: evidence/figures_sign_ins
-- title: The figures of a report over sign-ins
-- reader: evidence export; a stranger recomputes them from the records
-- window: the one of the request
-- why: ACPO principle 3: an independent third party must come to the same result, so the figures stand beside the records
WITH chosen AS
(
    SELECT
        sign_ins.time AS time,
        toString(sign_ins.event) AS event
    FROM sign_ins
    WHERE sign_ins.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND sign_ins.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND (sign_ins.source_id, sign_ins.frame, sign_ins.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
)
SELECT figure, key, value
FROM
(
    SELECT 'rows' AS figure, '' AS key, toString(count()) AS value FROM chosen
    UNION ALL
    SELECT 'first', '', concat(replaceOne(toString(min(time)), ' ', 'T'), 'Z') FROM chosen HAVING count() > 0
    UNION ALL
    SELECT 'last', '', concat(replaceOne(toString(max(time)), ' ', 'T'), 'Z') FROM chosen HAVING count() > 0
    UNION ALL
    SELECT 'rows_by_day', toString(toDate(time, 'UTC')) AS day, toString(count()) FROM chosen GROUP BY day
    UNION ALL
    SELECT 'rows_by_event', event, toString(count()) FROM chosen GROUP BY event
)
ORDER BY figure, key
