-- id: detect/misuse_rising
-- title: Misuse is rising at an establishment
-- means: On several days of the week more requests than in earlier weeks were refused by the filter or met a list.
-- reader: the establishment's head and designated safeguarding lead
-- severity: medium
-- window: one week from Monday to Sunday, local time
-- policy: acceptable use: trends of misuse are reviewed with the establishment
-- why: filtering and monitoring standards ask for regular review; only counts by establishment are made, nobody is named
-- false alarms: a new or wider list, a change of the filter's policy, more pupils or devices, a broken program that retries
-- Addresses between which the register of networks makes no difference are counted together, under the lowest of them.
SELECT toString(min(e.client_ip)) AS address, toUnixTimestamp(toStartOfInterval(e.time, INTERVAL 15 MINUTE)) * 1000000 AS moment,
       count() AS requests, countIf(e.action = 'blocked' OR notEmpty(e.categories)) AS misuse
FROM (
    SELECT client_ip, time, action, categories, toUInt8(1) AS always FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    UNION ALL
    SELECT client_ip, time, action, categories, toUInt8(1) AS always FROM dns_queries
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
) AS e
ASOF LEFT JOIN v_network_ranges AS held ON held.always = e.always AND toUInt128(e.client_ip) >= held.first
GROUP BY held.first, moment
ORDER BY address, moment
