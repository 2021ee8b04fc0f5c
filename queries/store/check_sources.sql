-- id: store/check_sources
-- title: The table of sources as it is compared with the ledger
-- reader: the program, when it compares the store with the ledger
-- window: all
-- why: the sums that people are shown are those of the ledger; holds no personal data
SELECT
    lower(hex(source_id)) AS source,
    toUnixTimestamp64Micro(opened) AS opened,
    digest,
    bytes,
    read,
    stored,
    rejected,
    ignored
FROM sources FINAL
ORDER BY source
