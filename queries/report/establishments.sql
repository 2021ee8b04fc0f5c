-- id: report/establishments
-- title: Establishments and their names
-- reader: every report
-- window: all
-- why: a report names the establishment as people do; of one establishment the newest import's line counts; holds no personal data
SELECT establishment AS place, argMax(name, (opened, source_id, frame)) AS title, argMax(kind, (opened, source_id, frame)) AS sort
FROM establishments LEFT JOIN (SELECT source_id, min(opened) AS opened FROM sources GROUP BY source_id) AS known USING (source_id)
GROUP BY place
ORDER BY place
