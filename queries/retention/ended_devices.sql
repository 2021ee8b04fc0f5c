-- id: retention/ended_devices
-- title: The devices that have ended before the line and that no record speaks of
-- reader: retention, as a part of its other statements
-- window: all
-- why: the register keeps its history while records refer to it, and not longer; older lines go with the newest, which would else come back
SELECT mac
FROM v_devices
WHERE mac NOT IN (SELECT mac FROM leases)
  AND mac NOT IN (SELECT mac FROM sign_ins)
GROUP BY mac
HAVING min(valid_to) > fromUnixTimestamp64Micro(0, 'UTC') AND max(valid_to) < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
