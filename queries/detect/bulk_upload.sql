-- id: detect/bulk_upload
-- title: Much sent to a file locker or a paste site
-- means: Within one hour a device sent much to a service where anybody can leave files or texts without a name.
-- reader: the provider's technicians and the establishment's network manager
-- severity: medium
-- window: one local day of one subject
-- policy: acceptable use: confidential material is not to leave; no infringement of the rights of others
-- why: what leaves in this way is gone; only the service and the sizes are read
-- false alarms: work handed in by such a service, a large file sent to a supplier, a parent or a printer
-- By the server's name on the wire, or by a category of our lists (`file_sharing`, `file_locker`, `paste`) in the log. Services that establishments buy (of Microsoft, Google and Apple) are not among them.
-- Our limits: 50 million bytes to lockers or 200,000 to paste sites within an hour. A flow counts for the hour in which it began. `wide` is thousands of bytes.
-- What the wire tells and what the log tells are summed apart, as both may tell of the same.
WITH
    (name -> multiIf(match(name, '(^|[.])(wetransfer[.]com|mega[.]nz|mega[.]io|mega[.]co[.]nz|mediafire[.]com|4shared[.]com|gofile[.]io|rapidgator[.]net|1fichier[.]com|pixeldrain[.]com|sendspace[.]com|zippyshare[.]com|filemail[.]com|catbox[.]moe|transfer[.]sh|file[.]io)$'), 'locker',
                     match(name, '(^|[.])(pastebin[.]com|paste[.]ee|hastebin[.]com|ghostbin[.]com|dpaste[.]com|dpaste[.]org|controlc[.]com|rentry[.]co|0x0[.]st)$'), 'paste', '')) AS service_of,
    sent AS
    (
        SELECT 'flows' AS tab, source_id, frame, ordinal, start AS moment, `end` AS ended, src_ip AS ip, '' AS account, service_of(toString(server_name)) AS service, src_payload_bytes AS up
        FROM flows
        WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND server_name != '' AND action != 'blocked'
        UNION ALL
        SELECT 'web_hits' AS tab, source_id, frame, ordinal, time AS moment, time AS ended, client_ip AS ip, toString(account_token) AS account,
               multiIf(hasAny(categories, ['file_sharing', 'file_locker']), 'locker', has(categories, 'paste'), 'paste', service_of(toString(host))) AS service, bytes_sent AS up
        FROM web_hits
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND action NOT IN ('blocked', 'authenticate')
    )
SELECT toString(ip) AS address, account, count() AS n, intDiv(sum(up), 1000) AS wide,
       toUnixTimestamp64Micro(min(moment)) AS moment, toUnixTimestamp64Micro(max(ended)) AS ended,
       groupArraySorted(20)((tab, lower(hex(source_id)), frame, ordinal)) AS places
FROM sent
WHERE service != '' AND up > 0
GROUP BY ip, account, tab, service, toStartOfHour(sent.moment)
HAVING sum(up) >= if(service = 'paste', 200000, 50000000)
ORDER BY moment, address, account, n, wide, places
