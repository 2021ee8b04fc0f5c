-- id: detect/evidence_stored
-- title: Which of these events are stored still
-- reader: the audit, which takes a finding back only if its events are still there and say something else
-- window: from the first to the last moment of the findings in question
-- why: a name that later records contradict must not stand; what retention has removed contradicts nothing
SELECT DISTINCT event
FROM
(
    SELECT concat('web_hits:', lower(hex(source_id)), ':', toString(frame), ':', toString(ordinal)) AS event
    FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT concat('dns_queries:', lower(hex(source_id)), ':', toString(frame), ':', toString(ordinal)) AS event
    FROM dns_queries
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT concat('flows:', lower(hex(source_id)), ':', toString(frame), ':', toString(ordinal)) AS event
    FROM flows
    WHERE `end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
)
WHERE event IN {events:Array(String)}
ORDER BY event
