//! MikroTik RouterOS: the firewall's log of packets (`prefix chain: in:ether1 out:..., proto TCP (SYN), 10.1.2.3:51000->192.0.2.7:443, len 60`),
//! its leases (`dhcp1 assigned 10.1.2.3 to 00:...`) and sign-ins (`user admin logged in from ...`).

use std::borrow::Cow;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, contains_any_case, find, number, text};
use crate::logs::lines::{
    BAD_TIME, LineFormat, MISSING, OTHER, Passed, Read, ReadLines, WRONG_SHAPE,
};
use crate::logs::said::actions::protocol_of;
use crate::logs::said::bare_flow;
use crate::logs::said::escapes::Escapes;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Action, Basis, EndReason, Event, Lease, LeaseEvent, Mac, RejectReason, Timestamp,
};

/// RouterOS.
pub(super) static MIKROTIK: LineFormat<ReadLines> = LineFormat {
    name: "mikrotik",
    title: "MikroTik RouterOS",
    extensions: &["log"],
    is_ours: |line| {
        let has = |part: &[u8]| find(line, part).is_some();
        has(b" in:") && has(b" out:") && has(b" proto ") && has(b"->")
            || (has(b" deassigned ") || has(b" assigned "))
                && (has(b" to ") || has(b" for ") || has(b" from "))
                && has(b"dhcp")
            || [
                b"firewall,info".as_slice(),
                b"system,info,account",
                b"dhcp,info",
                b"system,error,critical",
            ]
            .iter()
            .any(|topic| has(topic))
    },
    read,
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let packet = find(line, b" proto ").filter(|_| find(line, b"->").is_some());
    let time = || Heading::of(line).time(clock).ok_or(BAD_TIME);
    let event = if let Some(at) = packet {
        packet_of(line, at, time()?)?
    } else if let Some(at) = find(line, b"assigned ") {
        lease(line, at, time()?)?
    } else if let Some(at) = find(line, b"user ").filter(|_| find(line, b" from ").is_some()) {
        signed_in(line.get(at + 5..).unwrap_or_default(), time()?)?
    } else {
        let known = find(line, b",info").is_some()
            || find(line, b",error").is_some()
            || find(line, b",warning").is_some();
        return Err(if known { OTHER } else { WRONG_SHAPE });
    };
    out(event);
    Ok(())
}

/// The packet; what was done stands only in the rule's own prefix.
fn packet_of<'a>(line: &'a [u8], at: usize, time: Timestamp) -> Read<'a> {
    let (before, rest) = line.split_at_checked(at).ok_or(MISSING)?;
    let protocol = Words::of(rest).nth(1).ok_or(MISSING)?;
    let arrow = find(rest, b"->").ok_or(MISSING)?;
    let src = rest
        .get(..arrow)
        .and_then(|head| Words::of(head).last())
        .ok_or(MISSING)?;
    let dst = rest
        .get(arrow + 2..)
        .and_then(|tail| Words::of(tail).next())
        .ok_or(MISSING)?;
    let src = end(src)?;
    let dst = end(dst.strip_suffix(b",").unwrap_or(dst))?;
    let has = |words: &[&str]| {
        words
            .iter()
            .any(|word| contains_any_case(before, word.as_bytes()))
    };
    let action = if has(&["drop", "reject", "block", "deny"]) {
        Some(Action::Blocked)
    } else {
        has(&["accept", "allow", "pass"]).then_some(Action::Allowed)
    };
    let reason = if action == Some(Action::Blocked) {
        EndReason::Forced
    } else {
        EndReason::Active
    };
    let mut flow = bare_flow(time, src.0, dst.0, reason);
    (flow.src_port, flow.dst_port) = (src.1, dst.1);
    flow.protocol = protocol_of(protocol.strip_suffix(b",").unwrap_or(protocol)).unwrap_or(0);
    flow.action = action;
    flow.src_packets = 1;
    if let Some(length) = find(rest, b", len ").and_then(|at| Words::of(rest.get(at + 6..)?).next())
    {
        flow.src_bytes = number(length).ok_or(RejectReason::BadNumber)?;
    }
    Ok(Event::Flow(Box::new(flow)))
}

/// `10.1.2.3:51000`, `[2001:db8::5]:51000`, or an address without port.
fn end(word: &[u8]) -> Result<(std::net::IpAddr, u16), RejectReason> {
    if let Some(ip) = address(word) {
        return Ok((ip, 0));
    }
    let at = memchr::memrchr(b':', word).ok_or(RejectReason::BadAddress)?;
    let ip = word
        .get(..at)
        .and_then(address)
        .ok_or(RejectReason::BadAddress)?;
    let port = word
        .get(at + 1..)
        .and_then(number)
        .and_then(|port| u16::try_from(port).ok());
    Ok((ip, port.ok_or(RejectReason::BadNumber)?))
}

/// `dhcp1 assigned 10.1.2.3 to 00:1A:...`, `dhcp1 deassigned 10.1.2.3 from 00:1A:...`, newer ones with `for CARD NAME`.
fn lease<'a>(line: &'a [u8], at: usize, time: Timestamp) -> Read<'a> {
    let released = at >= 2 && line.get(at - 2..at) == Some(b"de");
    let mut words = Words::of(line.get(at + 9..).unwrap_or_default());
    let ip = address(words.next().ok_or(MISSING)?).ok_or(RejectReason::BadAddress)?;
    let (link, card) = (words.next(), words.next().ok_or(MISSING)?);
    if !matches!(link, Some(b"to" | b"from" | b"for")) {
        return Err(OTHER);
    }
    let mac = Mac::parse(&text(card)).ok_or(RejectReason::BadAddress)?;
    Ok(Event::Lease(Lease {
        time,
        event: if released {
            LeaseEvent::Release
        } else {
            LeaseEvent::Assign
        },
        ip,
        mac: Some(mac),
        hostname: words.next().map_or(Cow::Borrowed(""), text),
        expires: None,
    }))
}

/// `admin logged in from 10.1.2.9 via winbox`, `admin from 203.0.113.9 via ssh` after `login failure for`.
fn signed_in<'a>(rest: &'a [u8], time: Timestamp) -> Read<'a> {
    let mut words = Words::of(rest);
    let name = words.next().ok_or(MISSING)?;
    let failed = words.clone().next() == Some(b"from");
    let event = if failed {
        Some(crate::record::SignInEvent::Fail)
    } else {
        sign_in_of(rest)
    };
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::User, name);
    let from = words
        .find(|word| *word == b"from")
        .and_then(|_| words.next());
    said.put(
        Part::ClientIp,
        from.filter(|ip| address(ip).is_some()).unwrap_or_default(),
    );
    said.account().ok_or(OTHER)?;
    // Who manages a router from a machine need not be who sits there: the far end stands for the session.
    said.replace(Part::Session, said.bytes(Part::ClientIp));
    Ok(said.sign_in_event(time, event.ok_or(OTHER)?, Basis::Directory)?)
}
