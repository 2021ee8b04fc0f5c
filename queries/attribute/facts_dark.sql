-- id: attribute/facts_dark
-- title: Stretches of time in which a source of leases could not be read
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back and a look-ahead
-- why: lines without a moment (the hour that comes twice in October) may say that an address went to another; a name must not rest on their absence
WITH
    words AS
    (
        SELECT source_id, frame, time
        FROM leases
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND source_id IN (SELECT source_id FROM rejects WHERE reason = 'bad_time')
    ),
    unread AS
    (
        SELECT source_id, frame
        FROM rejects
        WHERE reason = 'bad_time' AND source_id IN (SELECT source_id FROM words)
    ),
    begun AS
    (
        SELECT unread.source_id AS source_id, unread.frame AS frame, words.time AS began
        FROM unread
        ASOF INNER JOIN words ON words.source_id = unread.source_id AND words.frame < unread.frame
    )
SELECT DISTINCT lower(hex(begun.source_id)) AS source, toUnixTimestamp64Micro(begun.began) AS began, toUnixTimestamp64Micro(words.time) AS ended
FROM begun
ASOF INNER JOIN words ON words.source_id = begun.source_id AND words.frame > begun.frame
ORDER BY source, began, ended
