//! Cisco ASA and Secure Firewall (FTD), by the texts of Cisco's "Syslog Messages": connections built and torn down, denials, access lists,
//! URLs, translations, sign-ins at the VPN and by AAA; and FTD's connection events (430002, 430003) with their fields by name.
//!
//! A teardown does not say who began: of its two ends the one with the lower port is taken for the server.

use std::net::IpAddr;

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::actions::protocol_of;
use crate::logs::said::bare_flow;
use crate::logs::said::containers::Named;
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Action, Basis, EndReason, Event, RejectReason, SignInEvent, Timestamp, Translation,
};

/// Cisco's firewalls.
pub(super) static CISCO_ASA: LineFormat<ReadLines> = LineFormat {
    name: "cisco_asa",
    title: "Cisco ASA, Secure Firewall (FTD)",
    extensions: &["log"],
    is_ours: |line| heading(line).is_some(),
    read,
};

/// The number of the message, and its text.
fn heading(line: &[u8]) -> Option<(u64, &[u8])> {
    let at = memmem::find(line, b"%ASA-")
        .or_else(|| memmem::find(line, b"%FTD-"))
        .or_else(|| memmem::find(line, b"%PIX-"))
        .or_else(|| memmem::find(line, b"%FWSM-"))?;
    let rest = line.get(at..)?;
    let end = memchr::memchr(b':', rest)?;
    let id = rest.get(..end)?.rsplit(|byte| *byte == b'-').next()?;
    Some((number(id)?, rest.get(end + 1..)?.trim_ascii_start()))
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (id, text) = heading(line).ok_or(WRONG_SHAPE)?;
    let moment = || time(line, clock).ok_or(BAD_TIME);
    let event = match id {
        302_013 | 302_015 => built(text, moment()?)?,
        302_014 | 302_016 => torn_down(text, moment()?)?,
        302_020 | 302_021 => icmp(text, moment()?)?,
        305_011 | 305_012 => translated(text, moment()?)?,
        106_100 => access_list(text, moment()?)?,
        106_001 | 106_006 | 106_007 | 106_010 | 106_014 | 106_015 | 106_021 | 106_023 => {
            denied(text, moment()?)?
        }
        304_001 | 304_002 => accessed(text, id, moment()?)?,
        430_001..=430_003 => named(text, moment()?)?,
        109_005 | 109_006 | 113_004 | 113_005 | 113_012 | 113_015 | 113_019 | 113_039 | 605_004
        | 605_005 | 611_101 | 611_102 | 716_001 | 716_002 | 716_038 | 716_039 | 722_051 => {
            let time = moment()?;
            return signed_in(text, id, time, out);
        }
        _ => return Err(OTHER),
    };
    out(event);
    Ok(())
}

/// The heading's time; with `logging timestamp` and no collector it ends in a colon before the message.
fn time(line: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    Heading::of(line).time(clock).or_else(|| {
        let at = memchr::memchr(b'%', line)?;
        let head = line.get(..at)?.trim_ascii_end();
        let head = head.strip_suffix(b":").unwrap_or(head).trim_ascii();
        clock.stamp_or_yearless(head)
    })
}

/// `inside:10.1.2.3/51000` or `inside/10.1.2.3(51000)`: the address and the port, without what stands in brackets after it.
fn end(word: &[u8]) -> Result<(IpAddr, u16), Passed> {
    let word = word.strip_suffix(b",").unwrap_or(word);
    let candidates = [
        memchr::memchr(b':', word).and_then(|at| word.get(at + 1..)),
        memchr::memchr(b'/', word).and_then(|at| word.get(at + 1..)),
        Some(word),
    ];
    for rest in candidates.into_iter().flatten() {
        let at = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b'('))
            .unwrap_or(rest.len());
        if let Some(ip) = rest.get(..at).and_then(address) {
            let port = rest.get(at + 1..).unwrap_or_default();
            let digits = port
                .iter()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(port.len());
            let port = match port.get(..digits) {
                Some([]) | None => 0,
                Some(port) => number(port)
                    .and_then(|port| u16::try_from(port).ok())
                    .ok_or(RejectReason::BadNumber)?,
            };
            return Ok((ip, port));
        }
    }
    Err(RejectReason::BadAddress.into())
}

fn after<'a>(words: &mut Words<'a>, key: &[u8]) -> Option<&'a [u8]> {
    words.find(|word| *word == key)?;
    words.next()
}

/// `Built outbound TCP connection 7 for outside:192.0.2.7/443 (...) to inside:10.1.2.3/51000 (...)`: outbound ones begin at the second end.
fn built<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut words = Words::of(text);
    let (_built, direction, protocol) = (words.next(), words.next(), words.next());
    let first = end(after(&mut words, b"for").ok_or(MISSING)?)?;
    let second = end(after(&mut words, b"to").ok_or(MISSING)?)?;
    let outbound = direction == Some(b"outbound");
    let (src, dst) = if outbound {
        (second, first)
    } else {
        (first, second)
    };
    Ok(flow(
        time,
        src,
        dst,
        protocol.unwrap_or_default(),
        Some(Action::Allowed),
        EndReason::Active,
    ))
}

/// `Teardown TCP connection 7 for outside:192.0.2.7/443 to inside:10.1.2.3/51000 duration 0:00:30 bytes 1234 TCP FINs`.
fn torn_down<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut words = Words::of(text);
    let (_teardown, protocol) = (words.next(), words.next());
    let first = end(after(&mut words, b"for").ok_or(MISSING)?)?;
    let second = end(after(&mut words, b"to").ok_or(MISSING)?)?;
    let (src, dst) = if first.1 > second.1 {
        (first, second)
    } else {
        (second, first)
    };
    let seconds = seconds(after(&mut words, b"duration").ok_or(MISSING)?)?;
    let mut event = flow(
        time,
        src,
        dst,
        protocol.unwrap_or_default(),
        Some(Action::Allowed),
        EndReason::End,
    );
    if let Event::Flow(flow) = &mut event {
        flow.start = time.plus_seconds(-seconds);
        if memmem::find(text, b"Timeout").is_some() || memmem::find(text, b"timeout").is_some() {
            flow.end_reason = Some(EndReason::Idle);
        }
        // `bytes` are those of both ways together, which the record has no place for.
    }
    Ok(event)
}

fn seconds(text: &[u8]) -> Result<i64, Passed> {
    let mut parts = text.split(|byte| *byte == b':').map(number);
    match (
        parts.next().flatten(),
        parts.next().flatten(),
        parts.next().flatten(),
    ) {
        (Some(hours), Some(minutes), Some(seconds)) if hours < 100_000 => {
            Ok(i64::try_from(hours * 3_600 + minutes.min(59) * 60 + seconds.min(60)).unwrap_or(0))
        }
        _ => Err(RejectReason::BadNumber.into()),
    }
}

/// `Built inbound ICMP connection for faddr 192.0.2.7/0 gaddr 198.51.100.2/1 laddr 10.1.2.3/1`.
fn icmp<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut words = Words::of(text);
    let foreign = end(after(&mut words, b"faddr").ok_or(MISSING)?)?;
    let local = end(after(&mut words, b"laddr").ok_or(MISSING)?)?;
    let inbound = memmem::find(text, b" inbound ").is_some();
    let (src, dst) = if inbound {
        (foreign, local)
    } else {
        (local, foreign)
    };
    let end = if text.starts_with(b"Teardown") {
        EndReason::End
    } else {
        EndReason::Active
    };
    Ok(flow(
        time,
        (src.0, 0),
        (dst.0, 0),
        b"icmp",
        Some(Action::Allowed),
        end,
    ))
}

/// `Built dynamic TCP translation from inside:10.1.2.3/51000 to outside:198.51.100.2/20000`, and its end with a duration.
fn translated<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut words = Words::of(text);
    let protocol = words.nth(2).unwrap_or_default();
    let inside = end(after(&mut words, b"from").ok_or(MISSING)?)?;
    let outside = end(after(&mut words, b"to").ok_or(MISSING)?)?;
    let ended = text.starts_with(b"Teardown");
    let from = if ended {
        time.plus_seconds(-seconds(after(&mut words, b"duration").ok_or(MISSING)?)?)
    } else {
        time
    };
    let port = Some(outside.1).filter(|port| *port != 0);
    Ok(Event::Translation(Translation {
        from,
        to: ended.then_some(time),
        protocol: protocol_of(protocol).unwrap_or(0),
        inside_ip: inside.0,
        inside_port: Some(inside.1).filter(|port| *port != 0),
        outside_ip: outside.0,
        outside_port_first: port,
        outside_port_last: port,
    }))
}

/// `access-list inside permitted tcp inside/10.1.2.3(51000) -> outside/192.0.2.7(443) hit-cnt 1`.
fn access_list<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut words = Words::of(text);
    let verdict = words.nth(2).ok_or(MISSING)?;
    let (protocol, src) = (
        words.next().ok_or(MISSING)?,
        end(words.next().ok_or(MISSING)?)?,
    );
    let dst = end(after(&mut words, b"->").ok_or(MISSING)?)?;
    let (action, reason) = if verdict == b"permitted" || verdict == b"est-allowed" {
        (Action::Allowed, EndReason::Active)
    } else {
        (Action::Blocked, EndReason::Forced)
    };
    Ok(flow(time, src, dst, protocol, Some(action), reason))
}

/// `Deny tcp src outside:203.0.113.9/51000 dst inside:10.1.2.3/22 by access-group ...`, `Inbound TCP connection denied from 203.0.113.9/51000
/// to 198.51.100.2/22 ...`, `Deny inbound UDP from 203.0.113.9/53 to ...`.
fn denied<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut protocol = [].as_slice();
    let (mut src, mut dst) = (None, None);
    let mut words = Words::of(text);
    while let Some(word) = words.next() {
        match word {
            b"src" | b"from" if src.is_none() => src = words.next(),
            b"dst" | b"to" if dst.is_none() => dst = words.next(),
            word if src.is_none()
                && protocol.is_empty()
                && number(word).is_none()
                && protocol_of(word).is_some() =>
            {
                protocol = word
            }
            _ => {}
        }
    }
    let (src, dst) = (end(src.ok_or(MISSING)?)?, end(dst.ok_or(MISSING)?)?);
    Ok(flow(
        time,
        src,
        dst,
        protocol,
        Some(Action::Blocked),
        EndReason::Forced,
    ))
}

fn flow<'a>(
    time: Timestamp,
    src: (IpAddr, u16),
    dst: (IpAddr, u16),
    protocol: &[u8],
    action: Option<Action>,
    end: EndReason,
) -> Event<'a> {
    let mut flow = bare_flow(time, src.0, dst.0, end);
    (flow.src_port, flow.dst_port) = (src.1, dst.1);
    flow.protocol = protocol_of(protocol).unwrap_or(0);
    flow.action = action;
    Event::Flow(Box::new(flow))
}

/// `10.1.2.3 Accessed URL 192.0.2.8:/path` or with a whole URL; `Access denied URL http://... SRC 10.1.2.3 DEST 192.0.2.9 on interface inside`.
fn accessed<'a>(text: &'a [u8], id: u64, time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut said = Said::nothing(Escapes::None);
    let mut words = Words::of(text);
    let url = if id == 304_002 {
        let url = after(&mut words, b"URL").ok_or(MISSING)?;
        said.put(Part::ClientIp, after(&mut words, b"SRC").ok_or(MISSING)?);
        said.put(
            Part::ServerIp,
            after(&mut words, b"DEST").unwrap_or_default(),
        );
        url
    } else {
        let client = words.next().ok_or(MISSING)?;
        let client = client.rsplit(|byte| *byte == b'@').next().unwrap_or(client);
        said.put(Part::ClientIp, client);
        let url = after(&mut words, b"URL").ok_or(MISSING)?;
        let at = memchr::memchr(b':', url).unwrap_or(0);
        match url.get(..at).and_then(address) {
            Some(_) => {
                said.put(Part::ServerIp, url.get(..at).unwrap_or_default());
                url.get(at + 1..).unwrap_or_default()
            }
            None => url,
        }
    };
    said.put(Part::Url, url);
    let action = if id == 304_002 {
        Action::Blocked
    } else {
        Action::Allowed
    };
    Ok(said.web_event(time, Some(action), None)?)
}

const NAMED: Named = |key| {
    Some(match key {
        b"AccessControlRuleAction" => Part::Action,
        b"SrcIP" => Part::ClientIp,
        b"SrcPort" => Part::ClientPort,
        b"DstIP" => Part::ServerIp,
        b"DstPort" => Part::ServerPort,
        b"Protocol" => Part::Protocol,
        b"User" => Part::User,
        b"URL" => Part::Url,
        b"URLCategory" => Part::Category,
        b"AccessControlRuleName" => Part::Policy,
        b"ReferencedHost" => Part::Host,
        b"UserAgent" => Part::Agent,
        b"HTTPResponse" => Part::Status,
        b"InitiatorBytes" => Part::Sent,
        b"ResponderBytes" => Part::Received,
        b"InitiatorPackets" => Part::SentPackets,
        b"ResponderPackets" => Part::ReceivedPackets,
        b"ConnectionDuration" => Part::Duration,
        b"DNSQuery" => Part::Qname,
        b"DNSRecordType" => Part::Qtype,
        b"DNSResponseType" => Part::Rcode,
        _ => return None,
    })
};

/// `Name: value, Name: value`.
fn named<'a>(text: &'a [u8], time: Timestamp) -> Result<Event<'a>, Passed> {
    let mut said = Said::nothing(Escapes::None);
    let mut rest = text;
    while !rest.is_empty() {
        let end = memmem::find(rest, b", ").unwrap_or(rest.len());
        let pair = rest.get(..end).unwrap_or_default();
        if let Some(at) = memmem::find(pair, b": ")
            && let Some(part) = pair.get(..at).and_then(|key| NAMED(key.trim_ascii()))
        {
            said.put(part, pair.get(at + 2..).unwrap_or_default().trim_ascii());
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    let action = match said.bytes(Part::Action) {
        b"Block with reset" | b"Interactive Block with reset" => Some(Action::Blocked),
        b"Interactive Block" => Some(Action::Warned),
        _ => said.action(),
    };
    if said.bytes(Part::User) == b"No Authentication Required"
        || said.bytes(Part::User) == b"Unknown"
    {
        said.replace(Part::User, &[]);
    }
    let ms = said.duration_ms(1)?;
    said.any_event(time, action, ms)
}

/// A person at the VPN, the cut-through proxy or the device itself.
fn signed_in<'a>(
    text: &'a [u8],
    id: u64,
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let event = match id {
        109_006 | 113_005 | 113_015 | 605_004 | 611_102 | 716_039 => SignInEvent::Fail,
        113_019 | 716_002 => SignInEvent::Logoff,
        _ => SignInEvent::Logon,
    };
    let mut said = Said::nothing(Escapes::None);
    said.put(
        Part::User,
        one_of(
            text,
            &[
                b"Username = ",
                b"User <",
                b"user = ",
                b"for user \"",
                b"for user '",
                b"Uname: ",
                b"user '",
            ],
        )
        .unwrap_or_default(),
    );
    said.account().ok_or(OTHER)?;
    let outside = one_of(text, &[b"IP <", b"IP = ", b"user IP = ", b"IP address: "]);
    let from = one_of(text, &[b" from "])
        .map(|word| word.split(|byte| *byte == b'/').next().unwrap_or(word));
    let outside = outside.or(from).filter(|ip| address(ip).is_some());
    let inside = one_of(text, &[b"IPv4 Address <"]).filter(|ip| !matches!(*ip, b"0.0.0.0" | b"::"));
    said.put(Part::ClientIp, outside.unwrap_or_default());
    if matches!(
        id,
        113_019 | 113_039 | 605_005 | 611_101 | 716_001..=716_039 | 722_051
    ) {
        // The far end of a tunnel, or of whoever manages the device, stands for the session: by that it is told to be no address of a person.
        said.put(Part::Session, outside.unwrap_or_default());
    }
    out(said.sign_in_event(time, event, Basis::Directory)?);
    if let Some(inside) = inside {
        said.replace(Part::ClientIp, inside);
        if let Ok(second) = said.sign_in_event(time, event, Basis::Directory) {
            out(second);
        }
    }
    Ok(())
}

/// The value after the first of these keys, up to the mark that ends it.
fn one_of<'a>(text: &'a [u8], keys: &[&[u8]]) -> Option<&'a [u8]> {
    keys.iter().find_map(|key| {
        let at = memmem::find(text, key)?;
        let rest = text.get(at + key.len()..)?;
        let end = rest
            .iter()
            .position(|byte| {
                matches!(byte, b',' | b'>' | b'"' | b'\'' | b' ' | b':')
                    && !(*byte == b':' && rest.contains(&b'>'))
            })
            .unwrap_or(rest.len());
        rest.get(..end).filter(|value| !value.is_empty())
    })
}
