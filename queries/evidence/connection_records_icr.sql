-- id: evidence/connection_records_icr
-- title: Flows as internet connection records
-- reader: the recipient of an evidence package
-- window: the one of the request
-- why: which service a device connected to, when and how much (IPA 2016 s.62(7)); nothing of what was said
SELECT
    lower(hex(flows.source_id)) AS source,
    flows.frame AS frame,
    flows.ordinal AS ordinal,
    concat(replaceOne(toString(flows.start), ' ', 'T'), 'Z') AS start,
    concat(replaceOne(toString(flows.`end`), ' ', 'T'), 'Z') AS `end`,
    if(flows.src_ip = toIPv6('::'), '', replaceRegexpOne(toString(flows.src_ip), '^::ffff:', '')) AS src_ip,
    src_port,
    if(flows.dst_ip = toIPv6('::'), '', replaceRegexpOne(toString(flows.dst_ip), '^::ffff:', '')) AS dst_ip,
    dst_port,
    protocol,
    src_packets,
    dst_packets,
    src_bytes,
    dst_bytes,
    src_frame_bytes,
    dst_frame_bytes,
    src_payload_bytes,
    dst_payload_bytes,
    src_tcp_flags,
    dst_tcp_flags,
    end_reason,
    arrayStringConcat(flows.tunnel, ';') AS tunnel,
    community_id,
    handshake_rtt_us,
    src_retransmits,
    dst_retransmits,
    application,
    application_class,
    server_name,
    alpn,
    tls_version,
    ja4,
    ech,
    arrayStringConcat(flows.dns_queries, ';') AS dns_queries,
    account_token,
    action
FROM flows
WHERE flows.start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND flows.`end` >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
    AND (flows.source_id, flows.frame, flows.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
ORDER BY flows.start, flows.source_id, flows.frame, flows.ordinal
