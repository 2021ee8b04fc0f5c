-- id: simulate/sources
-- title: Which source each file of a simulated region became
-- reader: the score of a simulated region
-- window: all
-- why: the truth names files, rows name sources; both have the digest
SELECT lower(hex(source_id)) AS source, digest
FROM sources FINAL
ORDER BY source
