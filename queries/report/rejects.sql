-- id: report/rejects
-- title: What could not be read in the report's window, by reason
-- reader: technicians, in the weekly report
-- window: the report's, by the time of the rejected line where it has one
-- why: a report must say what it rests on and what it misses; holds no personal data
SELECT toString(reason) AS why, count() AS frames
FROM rejects
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
GROUP BY why
ORDER BY frames DESC, why
