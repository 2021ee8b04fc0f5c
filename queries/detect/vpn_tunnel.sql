-- id: detect/vpn_tunnel
-- title: A virtual private network that the filter cannot look into
-- means: A device kept up a tunnel to a far network, so that neither filter nor log sees what passes.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: a provider must know whether its filter is gone round; only the tunnel's outside is read, never what is in it
-- false alarms: a site-to-site tunnel that is not registered, remote support, a member of staff's approved remote access
-- What a firewall refused was no tunnel.
SELECT 'flows' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(start) AS moment, toUnixTimestamp64Micro(`end`) AS ended,
       toString(src_ip) AS src, toString(dst_ip) AS dst, account_token AS account, toString(application) AS app, toString(application_basis) AS app_basis,
       src_packets, dst_packets, src_bytes + dst_bytes AS bytes
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND application_class = 'vpn' AND action != 'blocked' AND application_basis IN ('content', 'name', 'address_list')
UNION ALL
SELECT 'web_hits' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(time) AS moment, toUnixTimestamp64Micro(time) AS ended,
       toString(client_ip) AS src, toString(server_ip) AS dst, account_token AS account, 'web' AS app, 'address_list' AS app_basis,
       toUInt64(0) AS src_packets, toUInt64(0) AS dst_packets, bytes_sent + bytes_received AS bytes
FROM web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND hasAny(categories, {categories:Array(String)})
ORDER BY moment, tab, source, frame, ordinal
