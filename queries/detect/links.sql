-- id: detect/links
-- title: What the lines of the establishments can carry
-- reader: the rule sustained_high_volume
-- window: all; each line has its own validity
-- why: what is a large part depends on the line; of one link the newest import's lines count; holds no personal data
SELECT toString(establishment) AS place, down_bits_per_second AS down, up_bits_per_second AS up,
       toUnixTimestamp64Micro(valid_from) AS from_us, toUnixTimestamp64Micro(valid_to) AS to_us
FROM v_links
ORDER BY place, link, from_us
