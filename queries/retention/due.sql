-- id: retention/due
-- title: What of a table is due to go, by month: how many rows, how many of them a hold keeps, and a digest of those that go
-- reader: retention, before it deletes and after
-- window: all before the line
-- why: what is deleted is counted and committed to first; the salt keeps the digest from being tried against guesses
-- The digest is the sum, modulo 2^256, of SHA-256 over the salt and the whole row in RowBinary, so it takes every column in the table's order.
SELECT
    _partition_id AS partition,
    count() AS rows,
    countIf(0 /* held */) AS kept,
    leftPad(lower(hex(sumIf(reinterpretAsUInt256(SHA256(concat(unhex({salt:String}), formatRow('RowBinary', *)))), NOT (0 /* held */)))), 64, '0') AS digest
FROM {table:Identifier}
WHERE {time:Identifier} < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND (1 /* which */)
GROUP BY partition
ORDER BY partition
