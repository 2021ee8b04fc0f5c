-- id: detect/identification
-- title: Requests of an establishment, by whether they name an account, by address and minute
-- reader: the weekly report, which says how many requests can be laid at one person's door
-- window: the report's
-- why: an establishment must know how far its users can be told apart; only the sums are shown
SELECT client_ip AS ip, toString(client_ip) AS address, toUnixTimestamp(toStartOfMinute(time)) * 1000000 AS moment, account_token AS account, count() AS requests
FROM web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND client_ip IN (
    SELECT DISTINCT toIPv6(client_ip) FROM v_web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND establishment = {establishment:String} AND client_ip != '')
GROUP BY ip, moment, account
ORDER BY ip, moment, account
