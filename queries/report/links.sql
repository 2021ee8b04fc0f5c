-- id: report/links
-- title: What an establishment's lines can carry together
-- reader: technicians and heads, in the weekly report
-- window: the end of the report's
-- why: what is much depends on the line; holds no personal data
SELECT sum(best_down) AS down, sum(best_up) AS up
FROM (
    SELECT max(down_bits_per_second) AS best_down, max(up_bits_per_second) AS best_up
    FROM v_links
    WHERE establishment = {establishment:String}
      AND valid_from < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND (valid_to = fromUnixTimestamp64Micro(0, 'UTC') OR valid_to >= fromUnixTimestamp64Micro({until:Int64}, 'UTC'))
    GROUP BY link
)
