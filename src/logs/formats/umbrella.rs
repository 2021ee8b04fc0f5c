//! Cisco Umbrella and Secure Access, as they lie in the bucket: every field in quotation marks, times in UTC. DNS, proxy (web) and IP logs, told
//! apart by what stands in which column; new versions of the format add columns at the end.

use crate::logs::cells::Fields;
use crate::logs::fields::address;
use crate::logs::lines::{
    BAD_TIME, LineFormat, MISSING, OTHER, Passed, Read, ReadLines, WRONG_SHAPE,
};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::stamps::utc_stamp;
use crate::logs::times::LocalClock;
use crate::record::{Event, Timestamp};

/// Umbrella's logs.
pub(super) static UMBRELLA: LineFormat<ReadLines> = LineFormat {
    name: "umbrella",
    title: "Cisco Umbrella (DNS, proxy, IP)",
    extensions: &["csv", "log"],
    is_ours: |line| columns(line).is_some_and(|(columns, count)| kind(&columns, count).is_some()),
    read,
};

const COLUMNS: usize = 48;

/// The columns of a line that begins with a time in quotation marks.
fn columns(line: &[u8]) -> Option<([&[u8]; COLUMNS], usize)> {
    let inner = line.strip_prefix(b"\"")?;
    let dated =
        inner.get(4) == Some(&b'-') && inner.get(10) == Some(&b' ') && inner.get(19) == Some(&b'"');
    dated.then(|| Fields::columns::<COLUMNS>(line, b','))?
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dns,
    Proxy,
    Ip,
}

fn kind(columns: &[&[u8]; COLUMNS], count: usize) -> Option<Kind> {
    let is_ip = |place: usize| {
        columns
            .get(place)
            .is_some_and(|value| address(value).is_some())
    };
    let at = |place: usize| columns.get(place).copied().unwrap_or_default();
    if matches!(at(5), b"Allowed" | b"Blocked" | b"Proxied") && at(6).contains(&b'(') {
        return Some(Kind::Dns);
    }
    if count >= 12 && matches!(at(6), b"ALLOWED" | b"BLOCKED" | b"WARNED" | b"ISOLATED")
        || memchr::memmem::find(at(7), b"://").is_some()
    {
        return Some(Kind::Proxy);
    }
    let port = |place: usize| at(place).iter().all(u8::is_ascii_digit);
    (is_ip(2) && is_ip(4) && port(3) && port(5)).then_some(Kind::Ip)
}

fn read<'a>(
    line: &'a [u8],
    _clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    if line.starts_with(b"\"Timestamp\"") || line.starts_with(b"Timestamp,") {
        return Err(OTHER);
    }
    let (columns, count) = columns(line).ok_or(WRONG_SHAPE)?;
    let at = |place: usize| columns.get(place).copied().unwrap_or_default();
    let time = utc_stamp(at(0)).ok_or(BAD_TIME)?;
    let kind = kind(&columns, count).ok_or(if count < 7 { MISSING } else { WRONG_SHAPE })?;
    out(match kind {
        Kind::Dns => dns(&at, time)?,
        Kind::Proxy => proxy(&at, time)?,
        Kind::Ip => ip(&at, time)?,
    });
    Ok(())
}

/// The most granular identity is an account only where its type says so.
fn put_identity<'a>(said: &mut Said<'a>, identity: &'a [u8], kind: &[u8]) {
    if memchr::memmem::find(kind, b"User").is_some() {
        // `Joe Bloggs (j.bloggs@school.example)`: the name in brackets is the account.
        let open = memchr::memrchr(b'(', identity)
            .and_then(|at| identity.get(at + 1..)?.strip_suffix(b")"));
        said.put(Part::User, open.unwrap_or(identity));
    }
}

fn put_client<'a>(said: &mut Said<'a>, internal: &'a [u8], external: &'a [u8]) {
    said.put(Part::ClientIp, internal);
    said.put(Part::ClientIp, external);
}

fn dns<'a>(at: &dyn Fn(usize) -> &'a [u8], time: Timestamp) -> Read<'a> {
    let mut said = Said::nothing(Escapes::Doubled);
    put_client(&mut said, at(3), at(4));
    said.put(
        Part::Action,
        if at(5) == b"Proxied" {
            b"allowed"
        } else {
            at(5)
        },
    );
    // `1 (A)`
    let kind = at(6);
    let open = memchr::memchr(b'(', kind).and_then(|at| kind.get(at + 1..)?.strip_suffix(b")"));
    said.put(Part::Qtype, open.unwrap_or(kind));
    said.put(Part::Rcode, at(7));
    said.put(Part::Qname, at(8));
    let action = said.action();
    Ok(said.dns_event(time, action)?)
}

fn proxy<'a>(at: &dyn Fn(usize) -> &'a [u8], time: Timestamp) -> Read<'a> {
    let mut said = Said::nothing(Escapes::Doubled);
    for (part, place) in PROXY {
        said.put(*part, at(*place));
    }
    put_identity(&mut said, at(1), at(21));
    put_client(&mut said, at(2), at(3));
    let action = said.action();
    Ok(said.web_event(time, action, None)?)
}

static PROXY: &[(Part, usize)] = &[
    (Part::ServerIp, 4),
    (Part::ContentType, 5),
    (Part::Action, 6),
    (Part::Url, 7),
    (Part::Referrer, 8),
    (Part::Agent, 9),
    (Part::Status, 10),
    (Part::Sent, 11),
    (Part::Received, 12),
    (Part::Category, 15),
    (Part::Method, 25),
];

/// `time identity source port destination port categories ...`: what was refused by address.
fn ip<'a>(at: &dyn Fn(usize) -> &'a [u8], time: Timestamp) -> Read<'a> {
    let mut said = Said::nothing(Escapes::Doubled);
    for (part, place) in [
        (Part::ClientIp, 2),
        (Part::ClientPort, 3),
        (Part::ServerIp, 4),
        (Part::ServerPort, 5),
    ] {
        said.put(part, at(place));
    }
    said.connection(time, None, None)
}
