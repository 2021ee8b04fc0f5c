-- id: detect/clear_text_secrets
-- title: A service that is signed in to in clear
-- means: A device spoke with a service on the internet that asks for a password, and nothing was sealed: whoever listens on the way can read it.
-- reader: the provider's technicians and the establishment's network manager
-- severity: low
-- window: one local day of one subject
-- policy: acceptable use: keep passwords secret; security of accounts
-- why: a password that was sent in clear is to be changed, and the program set right; that such a session was is read, never what was said in it
-- false alarms: files offered to all without an account (anonymous FTP), a service that asks for none, mail signed in to by a proof that does not show the password
-- FTP, POP3, IMAP and Telnet that the bytes themselves told; what turns to TLS within is another application and none of these. Sessions of at least 40 bytes from either end:
-- shorter ones end at the greeting. RFC 8314 and RFC 2577 say why it matters. Sign-ins of HTTP in clear are not stored and can not be told.
SELECT toString(src_ip) AS address, '' AS account, count() AS n, toUInt64(uniqExact(dst_ip)) AS wide,
       toUnixTimestamp64Micro(min(start)) AS moment, toUnixTimestamp64Micro(max(`end`)) AS ended,
       groupArraySorted(20)(('flows', lower(hex(source_id)), frame, ordinal)) AS places
FROM flows
WHERE start >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND start < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND application IN ('ftp', 'pop3', 'imap', 'telnet') AND application_basis = 'content' AND tls_version = '' AND action != 'blocked'
  AND src_payload_bytes >= 40 AND dst_payload_bytes >= 40
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {known_first:Array(IPv6)}, {known_last:Array(IPv6)})
  AND NOT arrayExists((first, last) -> dst_ip BETWEEN first AND last, {inside_first:Array(IPv6)}, {inside_last:Array(IPv6)})
GROUP BY src_ip, toStartOfHour(start)
ORDER BY moment, address, n
