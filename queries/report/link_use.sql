-- id: report/link_use
-- title: What the mirror port saw of an establishment's line, by bins of five minutes
-- reader: technicians and heads, in the weekly report
-- window: the report's
-- why: a provider must keep the line usable for all; sizes only, nobody is named
-- A firewall's line about a session that goes on (active) has running totals, and its last line has them all: only that one is summed.
SELECT toString(toDate(bin, {zone:String})) AS day, count() AS bins, max(down) AS peak_down, max(up) AS peak_up, sum(down) AS sum_down, sum(up) AS sum_up
FROM
(
    SELECT toDateTime(number * 300, 'UTC') AS bin, toUInt64(sum(dst_bytes * part)) AS down, toUInt64(sum(src_bytes * part)) AS up
    FROM
    (
        SELECT src_bytes, dst_bytes, toUnixTimestamp64Micro(start) AS began, toUnixTimestamp64Micro(`end`) AS ended,
               arrayJoin(range(intDiv(began, 300000000), intDiv(ended, 300000000) + 1)) AS number,
               if(ended = began, 1, (least(ended, (number + 1) * 300000000) - greatest(began, number * 300000000)) / (ended - began)) AS part
        FROM v_flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND establishment = {establishment:String} AND NOT (action != '' AND end_reason = 'active')
    )
    GROUP BY number
)
GROUP BY day
ORDER BY day
