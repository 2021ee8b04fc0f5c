-- id: store/mend_rows
-- title: Takes rows of one source between two frames away
-- reader: the program, after it has written into the ledger that it does
-- window: all
-- why: rows that no batch covers, or that stand twice, would be counted and shown
ALTER TABLE {table:Identifier} DELETE
WHERE source_id = toFixedString(unhex({source:String}), 16) AND frame BETWEEN {first:UInt64} AND {last:UInt64}
