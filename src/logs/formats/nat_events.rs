//! Translations as RFC 8158 names them, written as JSON or as `key=value` by collectors of IPFIX and by translators themselves: an event's
//! number (`natEvent`), the inside and the outside end by the names of IANA's elements, also with the registry before them (`iana:`).
//!
//! Giving is a record without end, taking one with both, if the giving is known from earlier lines.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::logs::fields::number;
use crate::logs::lines::{BAD_TIME, MISSING, OTHER, Passed, RememberingFormat, WRONG_SHAPE};
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Event, RejectReason, Timestamp, Translation};

/// Translations by the names of IPFIX.
pub(super) static NAT_EVENTS: RememberingFormat<Open> = RememberingFormat {
    name: "nat_events",
    title: "NAT events (RFC 8158 names, JSON or key=value)",
    extensions: &["json", "log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
    has(b"natEvent") && (has(b"postNAT") || has(b"IPv4Address"))
}

/// When translations were given that have not been taken back, by protocol, inside end and outside end.
#[derive(Default)]
pub(super) struct Open(BTreeMap<Ends, Timestamp>);

type Ends = (u8, IpAddr, Option<u16>, IpAddr, Option<u16>, Option<u16>);

const PART: Named = |key| {
    Some(match key.strip_prefix(b"iana:").unwrap_or(key) {
        b"natEvent" => Part::Kind,
        b"observationTimeMilliseconds" | b"timeStamp" | b"timestamp" | b"time" => Part::Time,
        b"sourceIPv4Address" | b"sourceIPv6Address" => Part::ClientIp,
        b"sourceTransportPort" => Part::ClientPort,
        b"postNATSourceIPv4Address" => Part::NatIp,
        b"postNAPTSourceTransportPort" => Part::NatPort,
        b"protocolIdentifier" => Part::Protocol,
        b"portRangeStart" => Part::Sent,
        b"portRangeEnd" => Part::Received,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    open: &mut Open,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    if !is_ours(line) {
        return Err(WRONG_SHAPE);
    }
    let said = Said::of_any(line, PART)?;
    let (gives, block) = kind(said.bytes(Part::Kind))?;
    let now = said.moment(line, clock).ok_or(BAD_TIME)?;
    let (first, last) = match block {
        true => (
            Some(said.port(Part::Sent)?.ok_or(MISSING)?),
            Some(said.port(Part::Received)?.ok_or(MISSING)?),
        ),
        false => (said.port(Part::NatPort)?, said.port(Part::NatPort)?),
    };
    if first > last {
        return Err(RejectReason::Inconsistent.into());
    }
    let protocol = said.count(Part::Protocol)?.unwrap_or(0);
    let protocol = u8::try_from(protocol).map_err(|_| RejectReason::BadNumber)?;
    let inside_ip = said.ip(Part::ClientIp)?.ok_or(MISSING)?;
    let inside_port = said.port(Part::ClientPort)?;
    let outside_ip = said.ip(Part::NatIp)?.ok_or(MISSING)?;
    let ends = (protocol, inside_ip, inside_port, outside_ip, first, last);
    let (from, to) = match gives {
        true => {
            if open.0.len() < MOST_REMEMBERED {
                open.0.insert(ends, now);
            }
            (now, None)
        }
        false => (open.0.remove(&ends).ok_or(MISSING)?, Some(now)),
    };
    out(Event::Translation(Translation {
        from,
        to,
        protocol,
        inside_ip,
        inside_port,
        outside_ip,
        outside_port_first: first,
        outside_port_last: last,
    }));
    Ok(())
}

/// Translations remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 20;

/// Whether an event gives a translation or takes it, and whether it is of a block of ports (RFC 8158, 5.4 and IANA's registry `natEvent`).
fn kind(event: &[u8]) -> Result<(bool, bool), Passed> {
    let by_name = |name: &str| name.as_bytes().eq_ignore_ascii_case(event);
    let number = number(event).or_else(|| {
        NAMES
            .iter()
            .find(|(name, _)| by_name(name))
            .map(|(_, number)| *number)
    });
    match number.ok_or(RejectReason::BadNumber)? {
        1 | 4 | 6 | 8 | 10 | 14 => Ok((true, false)),
        2 | 5 | 7 | 9 | 11 | 15 => Ok((false, false)),
        16 => Ok((true, true)),
        17 => Ok((false, true)),
        _ => Err(OTHER),
    }
}

static NAMES: &[(&str, u64)] = &[
    ("NAT44 session create", 4),
    ("NAT44 session delete", 5),
    ("NAT64 session create", 6),
    ("NAT64 session delete", 7),
    ("NAT44 BIB create", 8),
    ("NAT44 BIB delete", 9),
    ("NAT64 BIB create", 10),
    ("NAT64 BIB delete", 11),
    ("Address binding create", 14),
    ("Address binding delete", 15),
    ("Port block allocation", 16),
    ("Port block de-allocation", 17),
];
