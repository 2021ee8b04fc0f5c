-- id: store/places
-- title: Which rows of a batch are stored
-- reader: the program, before it stores a batch that may have been stored before
-- window: the moments between which the batch's rows lie
-- why: a row is stored once, however often its batch comes; holds places only
SELECT frame, ordinal
FROM {table:Identifier}
WHERE source_id = toFixedString(unhex({source:String}), 16)
    AND frame BETWEEN {first:UInt64} AND {last:UInt64}
    AND {time:Identifier} BETWEEN fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND fromUnixTimestamp64Micro({until:Int64}, 'UTC')
