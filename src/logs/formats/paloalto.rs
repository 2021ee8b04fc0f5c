//! Palo Alto Networks (PAN-OS 8 to 11), fields set apart by commas: TRAFFIC, THREAT with its kind `url` and the others, USERID and
//! GLOBALPROTECT sign-ins, by the places of PAN-OS's "Syslog Field Descriptions". New versions add fields at the end.
//!
//! The time is `generated_time`, in the firewall's zone. A session's start and how long it took stand in TRAFFIC lines.

use crate::logs::cells::Fields;
use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Action, Basis, EndReason, Event, SignInEvent, Timestamp, Translation};

/// Palo Alto's log.
pub(super) static PALOALTO: LineFormat<ReadLines> = LineFormat {
    name: "paloalto",
    title: "Palo Alto Networks (PAN-OS)",
    extensions: &["log", "csv"],
    is_ours: |line| {
        let mut fields = Fields::of(body(line), b',');
        let (first, received) = (fields.next(), fields.next());
        let kind = fields.nth(1);
        first.is_some_and(|first| first.len() <= 2)
            && received.is_some_and(|time| time.len() >= 19 && time.contains(&b'/'))
            && kind.is_some_and(|kind| KINDS.iter().any(|known| known.as_bytes() == kind))
    },
    read,
};

/// The line from its first field on: what stands before the comma that ends it may be a heading.
fn body(line: &[u8]) -> &[u8] {
    let message = Heading::of(line).message;
    // `PAN-OS: 1,2026/...` and the like.
    let comma = memchr::memchr(b',', message).unwrap_or(0);
    let begins = message
        .get(..comma)
        .and_then(|head| memchr::memrchr(b' ', head))
        .map_or(0, |at| at + 1);
    message.get(begins..).unwrap_or(message)
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (columns, count) = Fields::columns::<128>(body(line), b',').ok_or(WRONG_SHAPE)?;
    if count < 8 {
        return Err(WRONG_SHAPE);
    }
    let at = |place: usize| columns.get(place).copied().unwrap_or_default();
    let kind = at(3);
    if !KINDS.iter().any(|known| known.as_bytes() == kind) {
        return Err(WRONG_SHAPE);
    }
    let time = clock
        .stamp(at(6))
        .or_else(|| clock.stamp(at(1)))
        .ok_or(BAD_TIME)?;
    match kind {
        b"TRAFFIC" | b"THREAT" if count < 31 => Err(MISSING),
        b"TRAFFIC" => traffic(&at, time, clock, out),
        b"THREAT" => threat(&at, count, time, out),
        b"USERID" => user_id(&at, time, out),
        b"GLOBALPROTECT" => global_protect(&at, time, out),
        _ => Err(OTHER),
    }
}

/// What TRAFFIC and THREAT have in the same places.
fn common<'a>(at: &dyn Fn(usize) -> &'a [u8]) -> Said<'a> {
    let mut said = Said::nothing(Escapes::Doubled);
    for (part, place) in COMMON {
        said.put(*part, at(*place));
    }
    if matches!(at(9), b"0.0.0.0" | b"::") {
        said.replace(Part::NatIp, &[]);
    }
    said
}

static COMMON: &[(Part, usize)] = &[
    (Part::ClientIp, 7),
    (Part::ServerIp, 8),
    (Part::NatIp, 9),
    (Part::Policy, 11),
    (Part::User, 12),
    (Part::ClientPort, 24),
    (Part::ServerPort, 25),
    (Part::NatPort, 26),
    (Part::Protocol, 29),
    (Part::Action, 30),
];

fn traffic<'a>(
    at: &dyn Fn(usize) -> &'a [u8],
    time: Timestamp,
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let mut said = common(at);
    for (part, place) in [
        (Part::Sent, 32),
        (Part::Received, 33),
        (Part::Duration, 36),
        (Part::SentPackets, 44),
        (Part::ReceivedPackets, 45),
    ] {
        said.put(part, at(place));
    }
    let action = said.action();
    let end = match (at(4), at(46)) {
        (b"start", _) => EndReason::Active,
        (b"drop" | b"deny", _) => EndReason::Forced,
        (_, b"aged-out") => EndReason::Idle,
        _ => EndReason::End,
    };
    let mut flow = said.flow(time, end)?;
    flow.action = action;
    if let Some(ms) = said.duration_ms(1)? {
        // The start is written; the end follows from how long it took.
        let micros = i64::try_from(ms).unwrap_or(0).saturating_mul(1_000);
        flow.start = clock.stamp(at(35)).unwrap_or(time.plus_micros(-micros));
        flow.end = flow.start.plus_micros(micros);
    }
    let (from, to) = (flow.start, flow.end);
    let (protocol, inside_ip, inside_port) = (flow.protocol, flow.src_ip, flow.src_port);
    let (outside, port) = (said.ip(Part::NatIp)?, said.port(Part::NatPort)?);
    out(Event::Flow(Box::new(flow)));
    if let Some(outside_ip) = outside.filter(|ip| *ip != inside_ip) {
        out(Event::Translation(Translation {
            from,
            to: (end != EndReason::Active).then_some(to),
            protocol,
            inside_ip,
            inside_port: Some(inside_port).filter(|port| *port != 0),
            outside_ip,
            outside_port_first: port,
            outside_port_last: port,
        }));
    }
    Ok(())
}

fn threat<'a>(
    at: &dyn Fn(usize) -> &'a [u8],
    count: usize,
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let mut said = common(at);
    let action = said.action();
    if at(4) != b"url" {
        let end = if action == Some(Action::Blocked) {
            EndReason::Forced
        } else {
            EndReason::Active
        };
        out(said.flow_event(time, action, None, end)?);
        return Ok(());
    }
    if count < 34 {
        return Err(MISSING);
    }
    for (part, place) in [
        (Part::Url, 31),
        (Part::Category, 33),
        (Part::ContentType, 41),
        (Part::Agent, 46),
        (Part::Referrer, 49),
    ] {
        said.put(part, at(place));
    }
    if at(14) == b"ssl" {
        said.put(Part::Scheme, b"https");
    }
    // Some collectors put the method in lower case.
    let method = [at(66), at(67), at(61)].into_iter().find(|word| {
        METHODS
            .iter()
            .any(|method| method.as_bytes().eq_ignore_ascii_case(word))
    });
    said.put(Part::Method, method.unwrap_or_default());
    let mut event = said.web_event(time, action, None)?;
    if let Event::WebHit(hit) = &mut event
        && hit.method.0.bytes().any(|byte| byte.is_ascii_lowercase())
    {
        hit.method = hit.method.0.to_ascii_uppercase().into();
    }
    out(event);
    Ok(())
}

/// `USERID,login|logout`: the directory's word for who has an address.
fn user_id<'a>(
    at: &dyn Fn(usize) -> &'a [u8],
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let event = match at(4) {
        b"login" => SignInEvent::Logon,
        b"logout" => SignInEvent::Logoff,
        _ => return Err(OTHER),
    };
    let mut said = Said::nothing(Escapes::Doubled);
    said.put(Part::ClientIp, at(8));
    said.put(Part::User, at(9));
    said.account().ok_or(OTHER)?;
    out(said.sign_in_event(time, event, Basis::Directory)?);
    Ok(())
}

/// A sign-in at the VPN: the public address, and the one given out inside.
fn global_protect<'a>(
    at: &dyn Fn(usize) -> &'a [u8],
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let told = at(8);
    let failed = matches!(at(28), b"failure");
    let event = match told {
        _ if failed => SignInEvent::Fail,
        b"gateway-connected" | b"gateway-auth" | b"gateway-register" | b"portal-auth" => {
            SignInEvent::Logon
        }
        b"gateway-logout" | b"gateway-disconnected" => SignInEvent::Logoff,
        _ => sign_in_of(told).ok_or(OTHER)?,
    };
    let mut said = Said::nothing(Escapes::Doubled);
    said.put(Part::User, at(12));
    said.account().ok_or(OTHER)?;
    let known = |ip: &&[u8]| !matches!(*ip, b"" | b"0.0.0.0" | b"::");
    let outside = [at(15), at(16)].into_iter().find(known);
    let inside = [at(17), at(18)].into_iter().filter(known);
    // The outside end stands for the session: by that it is told to be no address of a person.
    said.put(Part::Session, outside.unwrap_or_default());
    said.put(Part::ClientIp, outside.unwrap_or_default());
    out(said.sign_in_event(time, event, Basis::Directory)?);
    for ip in inside {
        said.replace(Part::ClientIp, ip);
        if let Ok(second) = said.sign_in_event(time, event, Basis::Directory) {
            out(second);
        }
    }
    Ok(())
}

static KINDS: &[&str] = &[
    "TRAFFIC",
    "THREAT",
    "USERID",
    "GLOBALPROTECT",
    "SYSTEM",
    "CONFIG",
    "HIPMATCH",
    "CORRELATION",
    "AUTHENTICATION",
    "DECRYPTION",
    "GTP",
    "SCTP",
    "TUNNEL",
    "AUDIT",
];

static METHODS: &[&str] = &[
    "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH",
];
