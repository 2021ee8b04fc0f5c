//! 3proxy: `time service error user client:port server:port sent received hops request`, the time as seconds since 1970 or as a day, a
//! clock time and an offset, as the two `logformat` lines of its manual write it.
//!
//! Errors 1 to 9 are refusals; a name that was given with one of them was not proved, so it is left out.

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::logs::urls::Url;
use crate::record::{Action, Event, RejectReason, Timestamp};

/// 3proxy's log.
pub(super) static THREEPROXY: LineFormat<ReadLines> = LineFormat {
    name: "threeproxy",
    title: "3proxy",
    extensions: &["log"],
    is_ours: |line| service_at(line).is_some(),
    read,
};

/// The line from the service on, and what stands before it.
fn service_at(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let message = Heading::of(line).message;
    let mut words = Words::of(message);
    for _ in 0..4 {
        let rest = words.rest();
        let word = words.next()?;
        let at = memchr::memchr(b'.', word).unwrap_or(0);
        let (name, port) = word.split_at_checked(at)?;
        let named = SERVICES
            .iter()
            .any(|service| service.as_bytes().eq_ignore_ascii_case(name));
        if named && number(port.get(1..)?).is_some() {
            let code = words.next()?;
            return (code.len() == 5 && number(code).is_some())
                .then(|| message.split_at_checked(message.len() - rest.len()))?;
        }
    }
    None
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (before, rest) = service_at(line).ok_or(WRONG_SHAPE)?;
    let time = time(before.trim_ascii(), clock)
        .or_else(|| Heading::of(line).time(clock))
        .ok_or(BAD_TIME)?;
    let mut words = Words::of(rest);
    let mut word = || words.next().ok_or(MISSING);
    let (_service, code, user) = (word()?, word()?, word()?);
    let (client, server, sent, received, _hops) = (word()?, word()?, word()?, word()?, word()?);
    let code = number(code).ok_or(RejectReason::BadNumber)?;
    let mut said = Said::nothing(Escapes::None);
    let (ip, port) = end(client).ok_or(RejectReason::BadAddress)?;
    said.put(Part::ClientIp, ip);
    said.put(Part::ClientPort, port);
    let (ip, port) = end(server).ok_or(RejectReason::BadAddress)?;
    if !matches!(ip, b"0.0.0.0" | b"::") {
        said.put(Part::ServerIp, ip);
        said.put(Part::ServerPort, port);
    }
    said.put(Part::Sent, sent);
    said.put(Part::Received, received);
    let refused = (1..10).contains(&code);
    if !refused {
        said.put(Part::User, user);
    }
    let request = words.rest();
    let mut parts = Words::of(request);
    let (method, target) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let known = Url::split(target).is_some() || Url::split_connect(target).is_some();
    if !method.is_empty()
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
        && known
    {
        said.put(Part::Method, method);
        said.put(Part::Url, target);
    } else if said.raw(Part::ServerIp).is_none() && code == 0 {
        return Err(OTHER);
    }
    let action = if refused {
        Some(Action::Blocked)
    } else {
        (code == 0).then_some(Action::Allowed)
    };
    out(said.web_event(time, action, None)?);
    Ok(())
}

fn time(text: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    if let Some(moment) = clock.stamp(text) {
        return Some(moment);
    }
    let mut words = Words::of(text);
    let (date, time, zone) = (words.next()?, words.next()?, words.next());
    // `02-03-2026`: day first, as the manual's example has it.
    let &[d1, d2, b'-', m1, m2, b'-', y1, y2, y3, y4] = date else {
        return None;
    };
    let turned = [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2];
    clock.stamp_of(&turned, time, zone)
}

fn end(field: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memrchr(b':', field)?;
    let (ip, port) = (field.get(..at)?, field.get(at + 1..)?);
    address(ip).map(|_| (ip, port))
}

/// The names of its services.
static SERVICES: &[&str] = &[
    "PROXY", "SOCKS", "SOCKS4", "SOCKS5", "HTTPS", "FTP", "POP3", "SMTP", "TCPPM", "UDPPM",
    "ADMIN", "AUTO", "ICQPR", "MSNPR", "TLSPR", "CONNECT", "DNSPR",
];
