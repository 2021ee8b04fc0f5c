-- id: simulate/events
-- title: The events of one file of a simulated region
-- reader: the score of a simulated region
-- window: one source
-- why: each is asked who it was, and the answer is compared with the truth
SELECT frame, toUnixTimestamp64Micro(time) AS moment, toString(client_ip) AS address, account_token AS account
FROM web_hits
WHERE source_id = toFixedString(unhex({source:String}), 16)
ORDER BY frame, ordinal
