-- id: backup/attach
-- title: Takes up the parts of one month that lie ready
-- reader: store restore
-- window: one month
-- why: parts come back as they were written, without being read and written again
ALTER TABLE {table:Identifier} ATTACH PARTITION ID {partition:String}
