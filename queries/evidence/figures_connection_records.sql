-- id: evidence/figures_connection_records
-- title: The figures of a report over flows
-- reader: evidence export; a stranger recomputes them from the records
-- window: the one of the request
-- why: ACPO principle 3: an independent third party must come to the same result, so the figures stand beside the records
WITH chosen AS
(
    SELECT
        flows.start AS start,
        flows.`end` AS stop,
        flows.server_name AS server_name,
        flows.application AS application,
        flows.src_packets + flows.dst_packets AS packets,
        toUInt64(flows.src_bytes) AS src_octets,
        toUInt64(flows.dst_bytes) AS dst_octets
    FROM flows
    WHERE flows.start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
        AND flows.`end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
        AND (flows.source_id, flows.frame, flows.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
)
SELECT figure, key, value
FROM
(
    SELECT 'rows' AS figure, '' AS key, toString(count()) AS value FROM chosen
    UNION ALL
    SELECT 'first', '', concat(replaceOne(toString(min(start)), ' ', 'T'), 'Z') FROM chosen HAVING count() > 0
    UNION ALL
    SELECT 'last', '', concat(replaceOne(toString(max(stop)), ' ', 'T'), 'Z') FROM chosen HAVING count() > 0
    UNION ALL
    SELECT 'packets', '', toString(sum(packets)) FROM chosen
    UNION ALL
    SELECT 'src_bytes', '', toString(sum(src_octets)) FROM chosen
    UNION ALL
    SELECT 'dst_bytes', '', toString(sum(dst_octets)) FROM chosen
    UNION ALL
    SELECT 'rows_by_day', toString(toDate(start, 'UTC')) AS day, toString(count()) FROM chosen GROUP BY day
    UNION ALL
    SELECT 'rows_by_application', application, toString(count()) FROM chosen GROUP BY application
    UNION ALL
    SELECT 'rows_by_server_name', server_name, toString(count()) FROM chosen GROUP BY server_name
    UNION ALL
    SELECT 'bytes_by_server_name', server_name, toString(sum(src_octets + dst_octets)) FROM chosen GROUP BY server_name
)
ORDER BY figure, key
