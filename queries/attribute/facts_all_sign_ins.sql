-- id: attribute/facts_all_sign_ins
-- title: All sign-ins of a window
-- reader: the program itself, when it is asked about so many addresses that a list of them costs more than it saves
-- window: the moments asked about, with a look-back and a look-ahead
-- why: names rest on intervals between these rows
SELECT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, event, account_token AS account,
       toString(ip) AS address, mac AS card, session, nas, basis
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND event != 'fail'
ORDER BY moment, source, frame, ordinal
