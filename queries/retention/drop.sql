-- id: retention/drop
-- title: Drops a whole month of a table
-- reader: retention
-- window: one month
-- why: the cheapest way for a month that is due as a whole; it also takes old parts of the table off the disk at once
ALTER TABLE {table:Identifier} DROP PARTITION ID {partition:String}
