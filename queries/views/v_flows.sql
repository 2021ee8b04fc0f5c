-- id: views/v_flows
-- title: Flows with the establishment of their initiator
-- reader: reports, dashboards and questions about establishments
-- window: whatever the question names
-- why: an event belongs to the establishment whose network its client was in at that moment
-- Of the networks that hold the address and were valid then, the most specific counts, as in attribution.
-- Empty if no register says, or if equals name different establishments. Addresses are texts as people
-- write them, empty if not known.
CREATE OR REPLACE VIEW v_flows AS
SELECT
    lower(hex(e.source_id)) AS source_id,
    e.frame AS frame,
    e.ordinal AS ordinal,
    e.start AS start,
    e.`end` AS `end`,
    if(e.src_ip = toIPv6('::'), '', replaceRegexpOne(toString(e.src_ip), '^::ffff:([0-9]+[.][0-9.]+)$', '\\1')) AS src_ip,
    e.src_port AS src_port,
    if(e.dst_ip = toIPv6('::'), '', replaceRegexpOne(toString(e.dst_ip), '^::ffff:([0-9]+[.][0-9.]+)$', '\\1')) AS dst_ip,
    e.dst_port AS dst_port,
    e.protocol AS protocol,
    e.src_packets AS src_packets,
    e.dst_packets AS dst_packets,
    e.src_bytes AS src_bytes,
    e.dst_bytes AS dst_bytes,
    e.src_frame_bytes AS src_frame_bytes,
    e.dst_frame_bytes AS dst_frame_bytes,
    e.src_payload_bytes AS src_payload_bytes,
    e.dst_payload_bytes AS dst_payload_bytes,
    e.src_tcp_flags AS src_tcp_flags,
    e.dst_tcp_flags AS dst_tcp_flags,
    e.end_reason AS end_reason,
    e.vlans AS vlans,
    e.tunnel AS tunnel,
    e.community_id AS community_id,
    e.handshake_rtt_us AS handshake_rtt_us,
    e.src_retransmits AS src_retransmits,
    e.dst_retransmits AS dst_retransmits,
    e.application AS application,
    e.application_class AS application_class,
    e.application_basis AS application_basis,
    e.server_name AS server_name,
    e.alpn AS alpn,
    e.tls_version AS tls_version,
    e.ja4 AS ja4,
    e.ech AS ech,
    e.dns_queries AS dns_queries,
    e.http_method AS http_method,
    e.http_path AS http_path,
    e.http_user_agent AS http_user_agent,
    e.account_token AS account_token,
    e.action AS action,
    if(
        arrayExists(
            n -> n.1 = tupleElement(nearest, 1) AND n.5 != tupleElement(nearest, 5),
            arrayFilter(
                n -> e.start >= n.3 AND (n.4 = fromUnixTimestamp64Micro(0, 'UTC') OR e.start < n.4),
                held.networks
            ) AS valid
        ),
        '',
        tupleElement(valid[1] AS nearest, 5)
    ) AS establishment,
    if(establishment = '', '', tupleElement(nearest, 6)) AS segment
FROM (SELECT *, toUInt8(1) AS always FROM flows) AS e
ASOF LEFT JOIN v_network_ranges AS held ON held.always = e.always AND toUInt128(e.src_ip) >= held.first;
