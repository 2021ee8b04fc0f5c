-- id: evidence/web_records_icr
-- title: Web requests as internet connection records
-- reader: the recipient of an evidence package
-- window: the one of the request
-- why: communications data ends at the first slash of a URL (IPA 2016 s.261(6)); no column here goes beyond it
-- A host is cut where a URL would go on: a proxy may have logged a path where a host belongs.
-- A port, a status or a number of bytes sent that the log does not tell is empty: nought would be a statement.
SELECT
    lower(hex(web_hits.source_id)) AS source,
    web_hits.frame AS frame,
    web_hits.ordinal AS ordinal,
    concat(replaceOne(toString(web_hits.time), ' ', 'T'), 'Z') AS time,
    if(web_hits.client_ip = toIPv6('::'), '', replaceRegexpOne(toString(web_hits.client_ip), '^::ffff:', '')) AS client_ip,
    if(web_hits.client_port = 0, '', toString(web_hits.client_port)) AS client_port,
    if(web_hits.server_ip = toIPv6('::'), '', replaceRegexpOne(toString(web_hits.server_ip), '^::ffff:', '')) AS server_ip,
    if(web_hits.server_port = 0, '', toString(web_hits.server_port)) AS server_port,
    account_token,
    method,
    scheme,
    extract(web_hits.host, '^[^/?#\\\\]*') AS host,
    if(web_hits.port = 0, '', toString(web_hits.port)) AS port,
    concat(if(scheme = '', '', concat(scheme, '://')), extract(web_hits.host, '^[^/?#\\\\]*'), if(web_hits.port = 0, '', concat(':', toString(web_hits.port))), '/') AS url,
    if(web_hits.status = 0, '', toString(web_hits.status)) AS status,
    action,
    if(web_hits.bytes_sent = 0, '', toString(web_hits.bytes_sent)) AS bytes_sent,
    bytes_received,
    duration_ms
FROM web_hits
WHERE web_hits.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND web_hits.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND (web_hits.source_id, web_hits.frame, web_hits.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
ORDER BY web_hits.time, web_hits.source_id, web_hits.frame, web_hits.ordinal
