-- id: retention/delete
-- title: Deletes rows of one month that are due and that no hold keeps
-- reader: retention
-- window: all before the line
-- why: what has had its time goes
ALTER TABLE {table:Identifier} DELETE IN PARTITION ID {partition:String}
WHERE {time:Identifier} < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND (1 /* which */) AND NOT (0 /* held */)
