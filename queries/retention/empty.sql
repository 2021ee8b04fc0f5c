-- id: retention/empty
-- title: Empties the columns of content in rows of one month that are due and that no hold keeps
-- reader: retention
-- window: all before the line
-- why: what was said may go earlier than the record that something was
ALTER TABLE {table:Identifier} UPDATE path = '' /* emptied */ IN PARTITION ID {partition:String}
WHERE {time:Identifier} < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND (1 /* which */) AND NOT (0 /* held */)
