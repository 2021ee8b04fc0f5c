-- id: detect/bypass_after_block
-- title: A way round the filter soon after refusals
-- means: Within fifteen minutes after the filter had refused requests of a device again and again, the device kept up a tunnel or used a network that hides who speaks to whom.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security; access that appears deliberate
-- why: the order of the two tells more than either: it is how a deliberate bypass begins; neither what was refused nor what went through the tunnel is read here
-- false alarms: a tunnel that was up for another reason, advertisements that are refused on most pages, a shared address
-- Who was at the address is asked from the first of the refusals on: if somebody else came to the address before the tunnel, nobody is named.
-- Again and again: in three different minutes of a quarter of an hour. A page with advertisements is refused in one, and one refusal
-- comes before most things by chance.
-- A browser asks for names over an encrypted channel by itself, and a proxy may be the filter: neither counts here.
SELECT toString(f.src_ip) AS address, '' AS account, count() AS n, toUInt64(uniqExact(b.source_id, b.frame, b.ordinal)) AS wide,
       toUnixTimestamp64Micro(min(f.start)) AS moment, toUnixTimestamp64Micro(min(b.began)) AS since_when, toUnixTimestamp64Micro(max(f.`end`)) AS ended,
       arrayConcat(groupArraySorted(10)(('flows', lower(hex(f.source_id)), f.frame, f.ordinal)),
                   groupArraySorted(10)(('web_hits', lower(hex(b.source_id)), b.frame, b.ordinal))) AS places
FROM
(
    SELECT source_id, frame, ordinal, start, `end`, src_ip FROM flows
    WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND application_class IN ('vpn', 'anonymiser') AND application_basis IN ('content', 'name', 'address_list') AND action != 'blocked'
      AND src_packets > 0 AND dst_packets > 0
      AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
) AS f
ASOF JOIN
(
    SELECT source_id, frame, ordinal, time, client_ip,
           uniqExact(toStartOfMinute(time)) OVER quarter AS minutes, min(time) OVER quarter AS began
    FROM web_hits
    WHERE time >= fromUnixTimestamp64Micro({since:Int64} - 1800000000, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND action = 'blocked'
    WINDOW quarter AS (PARTITION BY client_ip ORDER BY toUnixTimestamp64Micro(time) RANGE BETWEEN 900000000 PRECEDING AND CURRENT ROW)
) AS b ON f.src_ip = b.client_ip AND f.start >= b.time
WHERE f.start <= b.time + INTERVAL 15 MINUTE AND b.minutes >= 3
GROUP BY f.src_ip, toStartOfTenMinutes(f.start)
ORDER BY moment, address
