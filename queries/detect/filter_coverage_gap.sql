-- id: detect/filter_coverage_gap
-- title: The filter's log does not know of part of the web use
-- means: On a day, a large part of the web connections that the wire showed at an establishment went to sites for which the filter's log has no line of the same device.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one establishment
-- policy: filtering and monitoring standards: the filter applies to all users, devices and lines
-- why: what passes by the filter is neither filtered nor monitored, and whoever answers for it must know how much that is; nobody is named
-- false alarms: a filter that logs pages alone or refusals alone, sites that are left unfiltered by agreement, a log in which addresses are translated, records that come late
-- A connection is known if the log names the same address and registered domain on the same day, whatever the hour: fewer are missed than there are, never more.
-- Of the wire: named by what the connection itself said, answered, and not of a firewall's log. Requests that were heard on the wire are no log of a filter.
-- An establishment of whose addresses the log has no line at all is not judged: its log may not be read in here; source_gap tells of a log that stopped.
-- Why it was not known, the first that fits: the device has no line at all; QUIC, which filters cannot look into; the name was hidden (ECH); another cause.
WITH
    logged AS
    (
        SELECT DISTINCT client_ip, if(cutToFirstSignificantSubdomain(toString(host)) = '', toString(host), cutToFirstSignificantSubdomain(toString(host))) AS domain
        FROM web_hits
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND host != '' AND source_id NOT IN (SELECT source_id FROM sources WHERE format = 'capture' OR kind IN ('capture_file', 'capture_device'))
    ),
    seen AS
    (
        SELECT source_id, frame, ordinal, src_ip, protocol, ech, toUInt8(1) AS always,
               if(cutToFirstSignificantSubdomain(toString(server_name)) = '', toString(server_name), cutToFirstSignificantSubdomain(toString(server_name))) AS domain,
               (src_ip, domain) IN (SELECT client_ip, domain FROM logged) AS known,
               src_ip IN (SELECT client_ip FROM logged) AS device_known
        FROM flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND action = '' AND application_class = 'web' AND application_basis = 'content' AND server_name != '' AND src_packets > 0 AND dst_packets > 0
          AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
          AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
    )
SELECT toString(min(e.src_ip)) AS address, count() AS flows, countIf(e.known) AS in_log, countIf(e.device_known) AS of_devices_in_log,
       countIf(NOT e.known AND NOT e.device_known) AS no_line, countIf(NOT e.known AND e.device_known AND e.protocol = 17) AS quic,
       countIf(NOT e.known AND e.device_known AND e.protocol != 17 AND e.ech) AS hidden,
       groupArraySortedIf(20)(('flows', lower(hex(e.source_id)), e.frame, e.ordinal), NOT e.known) AS places
FROM seen AS e
ASOF LEFT JOIN v_network_ranges AS held ON held.always = e.always AND toUInt128(e.src_ip) >= held.first
GROUP BY held.first
ORDER BY address
