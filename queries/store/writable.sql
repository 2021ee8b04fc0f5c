-- id: store/writable
-- title: Adds no row at all
-- reader: the program, before it reads what it is to store
-- window: none
-- why: a user or a replica that may not write is told before the first file is read; holds no personal data
INSERT INTO rejects (source_id)
SELECT source_id
FROM rejects
WHERE 0
