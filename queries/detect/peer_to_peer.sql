-- id: detect/peer_to_peer
-- title: Files exchanged between peers
-- means: A device gave files to strangers or took them, which fills a link both ways and is how much copied material travels.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: no peer-to-peer exchange, no infringement of copyright
-- why: it harms others on the link, and a provider is told of infringement by address and time; what is exchanged is not read
-- false alarms: updates of games and operating systems, distributions of free software, lessons about networks
-- What a firewall refused did not take place. Far ends that are known or stand inside are left out here already: there may be millions.
SELECT 'flows' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(start) AS moment, toUnixTimestamp64Micro(`end`) AS ended,
       toString(src_ip) AS src, toString(dst_ip) AS dst, account_token AS account, toString(application) AS app, toString(application_basis) AS app_basis,
       src_packets, dst_packets, src_bytes + dst_bytes AS bytes
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND application_class = 'p2p' AND action != 'blocked' AND application_basis IN ('content', 'name', 'address_list')
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
ORDER BY moment, tab, source, frame, ordinal
