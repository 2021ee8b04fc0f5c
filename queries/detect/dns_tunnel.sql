-- id: detect/dns_tunnel
-- title: Data carried within names that are asked for
-- means: A device asked for hundreds of long, different names below one domain within ten minutes, as tools do that carry other traffic within names.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: names pass where nothing else does; what is counted is how many and how long they are
-- false alarms: security products that look up hashes as names, lists of senders that mail servers ask, content networks with generated names
-- Long: 40 characters on average. Different: 200 of ten minutes. The domain is the one that is registered, by the engine's own list of public suffixes.
-- Security products and lists of senders that work in this way by design are left out by their domains.
SELECT toString(client_ip) AS address, '' AS account, count() AS n, toUInt64(uniqExact(qname)) AS wide,
       toUnixTimestamp64Micro(min(time)) AS moment, toUnixTimestamp64Micro(max(time)) AS ended,
       groupArraySorted(20)(('dns_queries', lower(hex(source_id)), frame, ordinal)) AS places
FROM dns_queries
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND cutToFirstSignificantSubdomain(toString(qname)) NOT IN ('', 'in-addr.arpa', 'ip6.arpa', 'sophosxl.net', 'mcafee.com', 'trellix.com', 'e5.sk', 'spamhaus.org', 'surbl.org', 'spamcop.net', 'barracudacentral.org')
GROUP BY client_ip, cutToFirstSignificantSubdomain(toString(qname)), toStartOfTenMinutes(time)
HAVING wide >= 200 AND avg(length(qname)) >= 40
ORDER BY moment, address, wide, n
