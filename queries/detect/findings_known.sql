-- id: detect/findings_known
-- title: Findings of a window
-- reader: designated safeguarding leads, technicians, and the audit, which must not find the same anew
-- window: findings whose own window touches the one named
-- why: what was found once keeps its first sight; accounts stand as tokens
SELECT finding_id, toString(rule) AS rule_id, toString(severity) AS level, toString(establishment) AS place, toString(verdict) AS said, toString(basis) AS base,
       toString(subject_token) AS subject, toUnixTimestamp64Micro(window_from) AS from_us, toUnixTimestamp64Micro(window_to) AS to_us, count AS events,
       score, summary, explanation, innocent_checks, evidence, toUnixTimestamp64Micro(first_seen) AS first_us
FROM findings FINAL
WHERE window_to > fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND window_from < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND ({establishment:String} = '' OR establishment = {establishment:String})
  AND ({finding:String} = '' OR startsWith(finding_id, {finding:String}))
ORDER BY from_us, rule_id, place, finding_id
