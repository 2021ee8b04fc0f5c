-- id: report/findings
-- title: Findings of an establishment whose window ends in the report's
-- reader: designated safeguarding leads and heads, in the weekly and the trend report
-- window: the report's
-- why: what was found is told to those who must act; accounts stand as tokens
SELECT finding_id, toString(rule) AS rule_id, toString(severity) AS level, toString(establishment) AS place, toString(verdict) AS said, toString(basis) AS base,
       toString(subject_token) AS subject, toUnixTimestamp64Micro(window_from) AS from_us, count AS events, score, summary
FROM findings FINAL
WHERE window_from >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND window_from < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND count > 0 /* not withdrawn */
  AND ({establishment:String} = '' OR establishment = {establishment:String})
ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'information'], level), score DESC, from_us, finding_id
