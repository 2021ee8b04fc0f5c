-- id: detect/links
-- title: What the lines of the establishments can carry
-- reader: the rules sustained_high_volume and link_saturated
-- window: all; each line has its own validity
-- why: what is a large part depends on the line; of one link the newest import's lines count; holds no personal data
SELECT toString(establishment) AS place, max(down_bits_per_second) AS down, max(up_bits_per_second) AS up,
       toUnixTimestamp64Micro(valid_from) AS from_us, toUnixTimestamp64Micro(max(valid_to)) AS to_us
FROM v_links
GROUP BY place, link, valid_from
ORDER BY place, link, from_us
