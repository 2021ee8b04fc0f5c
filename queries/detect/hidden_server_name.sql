-- id: detect/hidden_server_name
-- title: Sealed traffic that does not say to which server
-- means: Within one hour a device opened many sealed connections to the internet that named no server, or only the name behind which another is hidden, so that filtering by name did not reach them.
-- reader: the provider's technicians and the establishment's network manager
-- severity: low
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: filtering by name fails where no name is said; that none was said is read, nothing of what passed
-- false alarms: programs that call servers by address, certificates for addresses, calls and games over sealed connections of their own, browsers that hide names as they come
-- No name: the fingerprint of a Client Hello that was read in full says so by its fourth letter, `i` (JA4). A stream that was caught in its middle has no fingerprint and counts for nothing.
-- Hidden: the outer name of an encrypted Client Hello that is known to stand for others. That one was sent alone says nothing: browsers send decoys (draft-ietf-tls-esni, GREASE).
-- Our limits: 20 flows within an hour with a million bytes or more together; TLS on ports of the web alone, as others have names of their own.
SELECT toString(src_ip) AS address, '' AS account, count() AS n, toUInt64(uniqExact(dst_ip)) AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND action != 'blocked' AND application_basis = 'content' AND application IN ('tls', 'quic') AND dst_port IN (80, 443, 8080, 8443)
  AND src_packets > 0 AND dst_packets > 0
  AND (server_name = '' AND substring(ja4, 4, 1) = 'i' OR ech AND server_name IN ('cloudflare-ech.com', 'crypto.cloudflare.com'))
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
GROUP BY src_ip, toStartOfHour(start)
HAVING n >= 20 AND sum(src_bytes + dst_bytes) >= 1000000
ORDER BY moment, address, n
