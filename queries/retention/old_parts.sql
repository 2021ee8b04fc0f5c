-- id: retention/old_parts
-- title: How many parts of a table are no longer in use and still on the disk
-- reader: retention, which waits until there are none
-- window: all
-- why: what was deleted stands in the old parts until they are gone
SELECT count() AS parts
FROM system.parts
WHERE database = currentDatabase() AND table = {table:String} AND NOT active
