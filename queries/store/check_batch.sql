-- id: store/check_batch
-- title: Rows of one source between two frames, with a sum over their places
-- reader: the program, when it looks for the batch in which store and ledger differ
-- window: all
-- why: what is stored twice or lost is found; holds counts only
SELECT
    count() AS rows,
    sum(frame * frame * 31 + frame + ordinal) % 4294967296 AS places
FROM {table:Identifier}
WHERE source_id = toFixedString(unhex({source:String}), 16) AND frame BETWEEN {first:UInt64} AND {last:UInt64}
