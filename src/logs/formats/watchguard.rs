//! WatchGuard Firebox (Fireware): packet filter and proxies, `msg_id="..." Allow|Deny ...` with the ends by position and the rest as
//! `key="value"`, in syslog and as the traffic monitor shows it, after "Read a Log Message" of WatchGuard's help.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::actions::protocol_of;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Action, Basis, Event, RejectReason, Timestamp};

/// WatchGuard's log.
pub(super) static WATCHGUARD: LineFormat<ReadLines> = LineFormat {
    name: "watchguard",
    title: "WatchGuard Firebox",
    extensions: &["log"],
    is_ours: |line| memmem::find(line, b"msg_id=\"").is_some() && !line.starts_with(b"{"),
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"msg_id" => Part::Kind,
        b"src_user" => Part::User,
        b"dstname" | b"sni" => Part::Host,
        b"arg" | b"path" => Part::Path,
        b"op" => Part::Method,
        b"cats" => Part::Category,
        b"sent_bytes" => Part::Sent,
        b"rcvd_bytes" => Part::Received,
        b"sent_pkts" => Part::SentPackets,
        b"rcvd_pkts" => Part::ReceivedPackets,
        b"duration" | b"elapsed_time" => Part::Duration,
        b"msg" => Part::Message,
        b"query_type" => Part::Qtype,
        b"question" => Part::Qname,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let mut said = Said::of_pairs(line, PART)?;
    said.raw(Part::Kind).ok_or(WRONG_SHAPE)?;
    let mut before = Words::of(line);
    let verdict = before.find(|word| {
        matches!(
            *word,
            b"Allow"
                | b"Deny"
                | b"ProxyAllow:"
                | b"ProxyDeny:"
                | b"ProxyDrop:"
                | b"ProxyBlock:"
                | b"ProxyStrip:"
                | b"ProxyAvScan:"
        )
    });
    let time = time(line, clock).ok_or(BAD_TIME)?;
    let Some(verdict) = verdict else {
        // `Firewall user j.bloggs@SCHOOL from 10.1.2.3 logged in`
        if memmem::find(line, b"user [").is_none() && memmem::find(line, b" user ").is_some() {
            return session(line, said, time, out);
        }
        // `Authentication of Firewall user [j.bloggs@SCHOOL] from 10.1.2.3 was accepted`
        return signed_in(line, &mut said, time, out);
    };
    let action = if matches!(
        verdict,
        b"Allow" | b"ProxyAllow:" | b"ProxyStrip:" | b"ProxyAvScan:"
    ) {
        Action::Allowed
    } else {
        Action::Blocked
    };
    ends(&mut said, before)?;
    // `0.1 sec(s)`
    let took = Words::of(said.bytes(Part::Duration))
        .next()
        .unwrap_or_default();
    said.replace(Part::Duration, took);
    let ms = said.duration_ms(1)?;
    let page = said.bytes(Part::Message).starts_with(b"HTTP") || said.raw(Part::Host).is_some();
    out(if page || said.raw(Part::Qname).is_some() {
        said.any_event(time, Some(action), ms)?
    } else {
        said.connection(time, Some(action), ms)?
    });
    Ok(())
}

/// A session of a person at the firewall that begins or ends, told without brackets. A name may hold blanks, so the last ` from ` ends it.
fn session<'a>(
    line: &'a [u8],
    mut said: Said<'a>,
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let at = memmem::find(line, b" user ").ok_or(OTHER)?;
    let rest = line.get(at + 6..).unwrap_or_default();
    let end = memmem::rfind(rest, b" from ").ok_or(OTHER)?;
    let mut words = Words::of(rest.get(end + 6..).unwrap_or_default());
    let ip = words.next().ok_or(OTHER)?;
    let told = words.rest();
    let event = ["logged in", "logged out"]
        .iter()
        .any(|words| told.starts_with(words.as_bytes()))
        .then(|| sign_in_of(told))
        .flatten()
        .ok_or(OTHER)?;
    said.replace(Part::User, rest.get(..end).unwrap_or_default());
    said.replace(Part::ClientIp, ip);
    if memmem::find(line, b"VPN").is_some() || memmem::find(line, b"Management").is_some() {
        said.replace(Part::Session, ip);
    }
    out(said.sign_in_event(time, event, Basis::Directory)?);
    Ok(())
}

/// The two addresses that stand side by side, with the protocol before them and the ports after, or `service/protocol` between.
fn ends<'a>(said: &mut Said<'a>, words: Words<'a>) -> Result<(), Passed> {
    let mut protocol = [].as_slice();
    let mut words = words.take_while(|word| !word.contains(&b'=')).peekable();
    while let Some(word) = words.next() {
        if address(word).is_some() {
            said.put(Part::ClientIp, word);
            let server = words.next().ok_or(MISSING)?;
            address(server).ok_or(RejectReason::BadAddress)?;
            said.put(Part::ServerIp, server);
            break;
        }
        if protocol_of(word).is_some() && number(word).is_none() {
            protocol = word;
        }
    }
    if said.raw(Part::ServerIp).is_none() {
        return Err(MISSING);
    }
    if let Some(service) = words.next_if(|word| number(word).is_none()) {
        let at = memchr::memchr(b'/', service).map_or(0, |at| at + 1);
        protocol = service.get(at..).unwrap_or_default();
    }
    said.put(Part::Protocol, protocol);
    if matches!(protocol_of(protocol), Some(6 | 17)) {
        for part in [Part::ClientPort, Part::ServerPort] {
            if let Some(port) = words.next_if(|word| number(word).is_some()) {
                said.put(part, port);
            }
        }
    }
    Ok(())
}

/// The time of the heading, or `2026-03-02 10:15:00` at its beginning, or in brackets after the device's number.
fn time(line: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    if let Some(at) = memmem::find(line, b"(20")
        && let Some(end) = memchr::memchr(b')', line.get(at..)?)
        && let Some(moment) = clock.stamp(line.get(at + 1..at + end)?)
    {
        return Some(moment);
    }
    Heading::of(line).time(clock).or_else(|| {
        let mut words = Words::of(line);
        clock.stamp_of(words.next()?, words.next()?, None)
    })
}

fn signed_in<'a>(
    line: &'a [u8],
    said: &mut Said<'a>,
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let open = memmem::find(line, b"user [").ok_or(OTHER)?;
    let rest = line.get(open + 6..).unwrap_or_default();
    let end = memchr::memchr(b']', rest).ok_or(WRONG_SHAPE)?;
    let name = rest.get(..end).unwrap_or_default();
    let mut after = Words::of(rest.get(end + 1..).unwrap_or_default());
    let ip = after
        .find(|word| *word == b"from")
        .and_then(|_| after.next())
        .unwrap_or_default();
    let told = Words::of(rest).rest();
    let event = if memmem::find(told, b"accepted").is_some() {
        Some(crate::record::SignInEvent::Logon)
    } else if memmem::find(told, b"rejected").is_some() {
        Some(crate::record::SignInEvent::Fail)
    } else {
        sign_in_of(told)
    };
    said.replace(Part::User, name);
    said.replace(Part::ClientIp, ip);
    let far = [b"VPN user".as_slice(), b"Management user", b"VPN User"];
    if far.iter().any(|who| memmem::find(line, who).is_some()) {
        // The far end of a tunnel, or of whoever manages the device, is nobody's address inside: it stands for the session.
        said.replace(Part::Session, ip);
    }
    out(said.sign_in_event(time, event.ok_or(OTHER)?, Basis::Directory)?);
    Ok(())
}
