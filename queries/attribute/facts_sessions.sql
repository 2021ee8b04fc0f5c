-- id: attribute/facts_sessions
-- title: All sign-ins of some sessions
-- reader: the program itself, when it is asked who used an address
-- window: the moments asked about, with a look-back and a look-ahead
-- why: a session is read whole, since its stop may bear no address, or another; which server's session it is, the reader of these rows looks at
SELECT lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, event, account_token AS account,
       toString(ip) AS address, mac AS card, session, nas, basis
FROM sign_ins
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND event != 'fail' AND session IN {sessions:Array(String)}
ORDER BY moment, source, frame, ordinal
