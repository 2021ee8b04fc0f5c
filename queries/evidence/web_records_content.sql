-- id: evidence/web_records_content
-- title: Web requests with what was asked for
-- reader: the recipient of an evidence package
-- window: the one of the request
-- why: only for a court's order, an internal matter or a person's own data
SELECT
    lower(hex(web_hits.source_id)) AS source,
    web_hits.frame AS frame,
    web_hits.ordinal AS ordinal,
    concat(replaceOne(toString(web_hits.time), ' ', 'T'), 'Z') AS time,
    if(web_hits.client_ip = toIPv6('::'), '', replaceRegexpOne(toString(web_hits.client_ip), '^::ffff:', '')) AS client_ip,
    client_port,
    if(web_hits.server_ip = toIPv6('::'), '', replaceRegexpOne(toString(web_hits.server_ip), '^::ffff:', '')) AS server_ip,
    server_port,
    account_token,
    method,
    scheme,
    host,
    port,
    concat(if(scheme = '', '', concat(scheme, '://')), host, if(port = 0, '', concat(':', toString(port))), if(path = '', '/', path), if(query = '', '', concat('?', query))) AS url,
    status,
    action,
    bytes_sent,
    bytes_received,
    duration_ms,
    path,
    query,
    user_agent,
    referrer,
    content_type,
    search_terms
FROM web_hits
WHERE web_hits.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND web_hits.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND (web_hits.source_id, web_hits.frame, web_hits.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
ORDER BY web_hits.time, web_hits.source_id, web_hits.frame, web_hits.ordinal
