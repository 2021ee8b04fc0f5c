-- id: evidence/figures_web_records
-- title: The figures of a report over web requests
-- reader: evidence export; a stranger recomputes them from the records
-- window: the one of the request
-- why: ACPO principle 3: an independent third party must come to the same result, so the figures stand beside the records
-- Hosts are cut where a URL would go on, in every class of data: a figure never says more than a connection record.
WITH chosen AS
(
    SELECT
        web_hits.time AS time,
        extract(web_hits.host, '^[^/?#\\\\]*') AS host,
        toString(web_hits.action) AS action,
        web_hits.bytes_received AS bytes
    FROM web_hits
    WHERE web_hits.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND web_hits.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND (web_hits.source_id, web_hits.frame, web_hits.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
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
    SELECT 'bytes_received', '', toString(sum(toUInt64(bytes))) FROM chosen
    UNION ALL
    SELECT 'rows_by_day', toString(toDate(time, 'UTC')) AS day, toString(count()) FROM chosen GROUP BY day
    UNION ALL
    SELECT 'rows_by_action', action, toString(count()) FROM chosen GROUP BY action
    UNION ALL
    SELECT 'rows_by_host', host, toString(count()) FROM chosen GROUP BY host
    UNION ALL
    SELECT 'bytes_received_by_host', host, toString(sum(toUInt64(bytes))) FROM chosen GROUP BY host
)
ORDER BY figure, key
