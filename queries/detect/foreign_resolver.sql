-- id: detect/foreign_resolver
-- title: Names asked of a foreign resolver
-- means: A device asked resolvers on the internet for names, so that filtering by name did not reach it.
-- reader: the provider's technicians and the establishment's network manager
-- severity: low
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: filtering by name fails where names are asked elsewhere; judged only where the resolvers to be asked are registered
-- false alarms: devices with a resolver set by their maker, a resolver of the provider that is not registered, mail and domain servers that ask for themselves
-- What a firewall refused did not take place. Far ends that are known or stand inside are left out here already: there may be millions.
SELECT 'flows' AS tab, lower(hex(source_id)) AS source, frame, ordinal, toUnixTimestamp64Micro(start) AS moment, toUnixTimestamp64Micro(`end`) AS ended,
       toString(src_ip) AS src, toString(dst_ip) AS dst, account_token AS account, toString(application) AS app, toString(application_basis) AS app_basis,
       src_packets, dst_packets, src_bytes + dst_bytes AS bytes
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND application = 'dns' AND application_class = 'dns' AND action != 'blocked' AND application_basis IN ('content', 'name', 'address_list')
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
ORDER BY moment, tab, source, frame, ordinal
