-- id: store/mend_source
-- title: Takes the row of a source away that the ledger does not know
-- reader: the program, after it has written into the ledger that it does
-- window: all
-- why: what nobody read must not be counted
ALTER TABLE sources DELETE
WHERE source_id = toFixedString(unhex({source:String}), 16)
