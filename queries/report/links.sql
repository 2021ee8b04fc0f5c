-- id: report/links
-- title: What an establishment's lines can carry together
-- reader: technicians and heads, in the weekly report
-- window: the end of the report's
-- why: what is much depends on the line; holds no personal data
SELECT sum(down_bits_per_second) AS down, sum(up_bits_per_second) AS up
FROM (
    SELECT link, argMax(down_bits_per_second, (opened, source_id, frame)) AS down_bits_per_second, argMax(up_bits_per_second, (opened, source_id, frame)) AS up_bits_per_second
    FROM links LEFT JOIN (SELECT source_id, min(opened) AS opened FROM sources GROUP BY source_id) AS known USING (source_id)
    WHERE establishment = {establishment:String}
      AND valid_from <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND (valid_to = fromUnixTimestamp64Micro(0, 'UTC') OR valid_to >= fromUnixTimestamp64Micro({until:Int64}, 'UTC'))
    GROUP BY link
)
