-- id: views/v_network_ranges
-- title: The address space, cut wherever a network of the register begins or ends
-- reader: the views that place events
-- window: all; each network has its own validity
-- why: every event is placed by one look into the register, whatever else is stored
-- From `first` up to the next line's, the networks are the same: those that hold these addresses, the most specific
-- and of equals the newest first. `always` is 1: an ASOF join wants something that is equal.
CREATE OR REPLACE VIEW v_network_ranges AS
SELECT
    toUInt8(1) AS always,
    p.first AS first,
    arraySort(groupArrayIf(
        (
            -toInt16(r.bits),
            -toUnixTimestamp64Micro(r.valid_from),
            r.valid_from,
            r.valid_to,
            r.establishment,
            r.segment
        ),
        p.first >= toUInt128(r.first_ip) AND p.first <= toUInt128(r.last_ip)
    )) AS networks
FROM
(
    SELECT DISTINCT arrayJoin([toUInt128(first_ip), toUInt128(last_ip) + 1]) AS first
    FROM v_networks
) AS p
CROSS JOIN v_networks AS r
GROUP BY p.first;
