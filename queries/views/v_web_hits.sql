-- id: views/v_web_hits
-- title: Web requests with their establishment
-- reader: reports, dashboards and questions about establishments
-- window: whatever the question names
-- why: an event belongs to the establishment whose network its client was in at that moment
-- Of the networks that hold the address and were valid then, the most specific counts, as in attribution.
-- Empty if no register says, or if equals name different establishments. Addresses are texts as people
-- write them, empty if not known.
CREATE OR REPLACE VIEW v_web_hits AS
SELECT
    lower(hex(e.source_id)) AS source_id,
    e.frame AS frame,
    e.ordinal AS ordinal,
    e.time AS time,
    if(e.client_ip = toIPv6('::'), '', replaceRegexpOne(toString(e.client_ip), '^::ffff:([0-9]+[.][0-9.]+)$', '\\1')) AS client_ip,
    e.client_port AS client_port,
    if(e.server_ip = toIPv6('::'), '', replaceRegexpOne(toString(e.server_ip), '^::ffff:([0-9]+[.][0-9.]+)$', '\\1')) AS server_ip,
    e.server_port AS server_port,
    e.account_token AS account_token,
    e.method AS method,
    e.scheme AS scheme,
    e.host AS host,
    e.port AS port,
    e.path AS path,
    e.query AS query,
    e.status AS status,
    e.action AS action,
    e.vendor_category AS vendor_category,
    e.policy AS policy,
    e.bytes_sent AS bytes_sent,
    e.bytes_received AS bytes_received,
    e.duration_ms AS duration_ms,
    e.user_agent AS user_agent,
    e.referrer AS referrer,
    e.content_type AS content_type,
    e.search_terms AS search_terms,
    e.categories AS categories,
    e.lists AS lists,
    if(
        arrayExists(
            n -> n.1 = tupleElement(nearest, 1) AND n.5 != tupleElement(nearest, 5),
            arrayFilter(
                n -> e.time >= n.3 AND (n.4 = fromUnixTimestamp64Micro(0, 'UTC') OR e.time < n.4),
                held.networks
            ) AS valid
        ),
        '',
        tupleElement(valid[1] AS nearest, 5)
    ) AS establishment,
    if(establishment = '', '', tupleElement(nearest, 6)) AS segment
FROM (SELECT *, toUInt8(1) AS always FROM web_hits) AS e
ASOF LEFT JOIN v_network_ranges AS held ON held.always = e.always AND toUInt128(e.client_ip) >= held.first;
