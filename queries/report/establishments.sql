-- id: report/establishments
-- title: Establishments and their names
-- reader: every report
-- window: all
-- why: a report names the establishment as people do; of one establishment the newest import's line counts; holds no personal data
SELECT establishment AS place, argMax(name, (valid_from, frame)) AS title, argMax(kind, (valid_from, frame)) AS sort
FROM v_establishments
GROUP BY place
ORDER BY place
