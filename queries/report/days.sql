-- id: report/days
-- title: Requests by establishment and local day
-- reader: designated safeguarding leads and heads, in the weekly and the trend report
-- window: the report's
-- why: filtering and monitoring standards ask for regular review; counts only, nobody is named
SELECT toString(establishment) AS place, toString(toDate(time, {zone:String})) AS day, count() AS requests,
       countIf(action = 'blocked') AS refused, countIf(notEmpty(categories)) AS listed, countIf(account_token != '' AND NOT startsWith(account_token, 'ffffffff')) AS named,
       sum(bytes_received) + sum(bytes_sent) AS bytes, uniqExact(client_ip) AS addresses
FROM v_web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND ({establishment:String} = '' OR establishment = {establishment:String})
GROUP BY place, day
ORDER BY place, day
