-- id: evidence/sign_ins
-- title: Sign-ins: which account was at which address
-- reader: the recipient of an evidence package
-- window: the one of the request
-- why: entity data: who used an address (IPA 2016 s.261(3))
SELECT
    lower(hex(sign_ins.source_id)) AS source,
    sign_ins.frame AS frame,
    sign_ins.ordinal AS ordinal,
    concat(replaceOne(toString(sign_ins.time), ' ', 'T'), 'Z') AS time,
    event,
    account_token,
    if(sign_ins.ip = toIPv6('::'), '', replaceRegexpOne(toString(sign_ins.ip), '^::ffff:', '')) AS ip,
    if(sign_ins.client_port = 0, '', toString(sign_ins.client_port)) AS client_port,
    mac,
    realm
FROM sign_ins
WHERE sign_ins.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND sign_ins.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    AND (sign_ins.source_id, sign_ins.frame, sign_ins.ordinal) IN (SELECT source_id, frame, ordinal FROM evidence_places WHERE export = {export:String})
ORDER BY sign_ins.time, sign_ins.source_id, sign_ins.frame, sign_ins.ordinal
