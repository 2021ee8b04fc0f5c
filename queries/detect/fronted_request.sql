-- id: detect/fronted_request
-- title: One server named outside, another asked inside
-- means: A sealed connection named one server on the wire, while the filter that looked into it saw a request for a host of another owner within it, as fronting does.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: whoever fronts shows filters by name a harmless one; judged only where the wire and a log that looks inside tell of the same connection; hosts are compared and not kept
-- false alarms: one connection used for several hosts of one certificate (RFC 9113, section 9.1.1), a content network that serves many owners
-- The same connection: client, its port, and a request from a second before its first packet to a second after its last. Logs without the client's port can not be judged.
-- Of another owner: the registered domains differ, by the engine's own list of public suffixes. A pair of domains that three or more addresses show is of one certificate and left out (our limit).
-- CONNECT only says what the wire says and does not count. Ours: three requests in an hour.
WITH
    outer_names AS
    (
        SELECT source_id, frame, ordinal, start, `end`, src_ip, src_port, cutToFirstSignificantSubdomain(toString(server_name)) AS outer_domain
        FROM flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND action != 'blocked' AND tls_version != '' AND server_name != '' AND src_port > 0 AND NOT ech
    ),
    asked AS
    (
        SELECT source_id, frame, ordinal, time, client_ip, client_port, toString(account_token) AS account, cutToFirstSignificantSubdomain(toString(host)) AS inner_domain
        FROM web_hits
        WHERE time >= fromUnixTimestamp64Micro({since:Int64} - 1000000, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND client_port > 0 AND host != '' AND method NOT IN ('', 'CONNECT') AND scheme = 'https' AND action != 'blocked'
    ),
    pairs AS
    (
        SELECT f.source_id AS flow_source, f.frame AS flow_frame, f.ordinal AS flow_ordinal, f.start AS start, f.`end` AS `end`, f.src_ip AS src_ip, f.outer_domain AS outer_domain,
               a.source_id AS hit_source, a.frame AS hit_frame, a.ordinal AS hit_ordinal, a.time AS time, a.account AS account, a.inner_domain AS inner_domain
        FROM outer_names AS f
        INNER JOIN asked AS a ON a.client_ip = f.src_ip AND a.client_port = f.src_port
        WHERE a.time >= f.start - INTERVAL 1 SECOND AND a.time <= f.`end` + INTERVAL 1 SECOND
          AND f.outer_domain != '' AND a.inner_domain != '' AND f.outer_domain != a.inner_domain
    )
SELECT toString(src_ip) AS address, account, count() AS n, toUInt64(uniqExact(inner_domain)) AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(greatest(`end`, time))) AS ended,
       arrayConcat(groupArraySorted(10)(('flows', lower(hex(flow_source)), flow_frame, flow_ordinal)),
                   groupArraySorted(10)(('web_hits', lower(hex(hit_source)), hit_frame, hit_ordinal))) AS places
FROM pairs
WHERE (outer_domain, inner_domain) NOT IN (SELECT outer_domain, inner_domain FROM pairs GROUP BY outer_domain, inner_domain HAVING uniqExact(src_ip) >= 3)
GROUP BY src_ip, account, toStartOfHour(start)
HAVING n >= 3
ORDER BY moment, address, account, n
