//! Juniper SRX (Junos): session, web filter and application messages of `RT_FLOW`, `RT_UTM` and their kin, in structured syslog (RFC 5424, fields
//! by name) and in the older words.
//!
//! What a session moved is counted once. Its beginning and AppTrack's updates carry totals so far and are marked `active`; where both the
//! policy and AppTrack tell of one session's end, with the same totals, the second to come is marked so too.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, MISSING, OTHER, Passed, RememberingFormat, WRONG_SHAPE};
use crate::logs::said::actions::protocol_of;
use crate::logs::said::containers::Named;
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::logs::totals::Ended;
use crate::record::{Action, EndReason, Event, RejectReason, Timestamp, Translation};

/// Juniper's SRX.
pub(super) static JUNIPER_SRX: RememberingFormat<Ended> = RememberingFormat {
    name: "juniper_srx",
    title: "Juniper SRX (Junos)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    [
        b"RT_FLOW".as_slice(),
        b"RT_UTM",
        b"RT_IDP",
        b"APPTRACK_SESSION",
    ]
    .iter()
    .any(|word| memmem::find(line, word).is_some())
}

const PART: Named = |key| {
    Some(match key {
        b"source-address" => Part::ClientIp,
        b"source-port" => Part::ClientPort,
        b"destination-address" => Part::ServerIp,
        b"destination-port" => Part::ServerPort,
        b"nat-source-address" => Part::NatIp,
        b"nat-source-port" => Part::NatPort,
        b"protocol-id" => Part::Protocol,
        b"username" => Part::User,
        b"policy-name" | b"profile" | b"profile-name" => Part::Policy,
        b"bytes-from-client" => Part::Sent,
        b"bytes-from-server" => Part::Received,
        b"packets-from-client" => Part::SentPackets,
        b"packets-from-server" => Part::ReceivedPackets,
        b"elapsed-time" => Part::Duration,
        b"reason" => Part::Verdict,
        b"url" => Part::Host,
        b"obj" => Part::Path,
        b"category" => Part::Category,
        _ => return None,
    })
};

/// The messages that are kept, and what they say was done.
static KINDS: &[(&str, Option<Action>, EndReason)] = &[
    (
        "RT_FLOW_SESSION_CREATE",
        Some(Action::Allowed),
        EndReason::Active,
    ),
    (
        "RT_FLOW_SESSION_CLOSE",
        Some(Action::Allowed),
        EndReason::End,
    ),
    (
        "RT_FLOW_SESSION_DENY",
        Some(Action::Blocked),
        EndReason::Forced,
    ),
    (
        "APPTRACK_SESSION_CREATE",
        Some(Action::Allowed),
        EndReason::Active,
    ),
    (
        "APPTRACK_SESSION_CLOSE",
        Some(Action::Allowed),
        EndReason::End,
    ),
    (
        "APPTRACK_SESSION_VOL_UPDATE",
        Some(Action::Allowed),
        EndReason::Active,
    ),
    (
        "WEBFILTER_URL_BLOCKED",
        Some(Action::Blocked),
        EndReason::Forced,
    ),
    (
        "WEBFILTER_URL_PERMITTED",
        Some(Action::Allowed),
        EndReason::End,
    ),
];

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    ended: &mut Ended,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let found = KINDS
        .iter()
        .find_map(|kind| Some((kind, memmem::find(line, kind.0.as_bytes())?)));
    let Some(((name, action, end), at)) = found else {
        let junos = memmem::find(line, b"RT_").is_some() || memmem::find(line, b"junos@").is_some();
        return Err(if junos { OTHER } else { WRONG_SHAPE });
    };
    let time = Heading::of(line).time(clock).ok_or(BAD_TIME)?;
    let rest = line.get(at + name.len()..).unwrap_or_default();
    if name.starts_with("WEBFILTER") {
        let said = Said::of_pairs(rest, PART)?;
        said.raw(Part::ClientIp).ok_or(MISSING)?;
        out(said.web_event(time, *action, None)?);
        return Ok(());
    }
    let structured = memmem::find(rest, b"source-address=\"").is_some();
    let (mut event, nat) = if structured {
        by_name(rest, time, *action, *end)?
    } else {
        in_words(rest, time, *action, *end)?
    };
    if let Event::Flow(flow) = &mut event
        && name.ends_with("_CLOSE")
    {
        ended.tell(flow, name.starts_with("APPTRACK"));
    }
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

fn by_name<'a>(
    rest: &'a [u8],
    time: Timestamp,
    action: Option<Action>,
    end: EndReason,
) -> Result<(Event<'a>, Option<Translation>), Passed> {
    let said = Said::of_pairs(rest, PART)?;
    let reason = said.bytes(Part::Verdict);
    let end = if end == EndReason::End && memmem::find(reason, b"idle").is_some() {
        EndReason::Idle
    } else {
        end
    };
    with_translation(&said, time, action, end)
}

/// The connection, and the outside address and port that it had where its source was translated.
fn with_translation<'a>(
    said: &Said<'a>,
    time: Timestamp,
    action: Option<Action>,
    end: EndReason,
) -> Result<(Event<'a>, Option<Translation>), Passed> {
    let ms = said.duration_ms(1)?;
    let event = said.flow_event(time, action, ms, end)?;
    let Event::Flow(flow) = &event else {
        return Ok((event, None));
    };
    let outside = said
        .ip(Part::NatIp)?
        .filter(|ip| *ip != flow.src_ip && action == Some(Action::Allowed));
    let port = said.port(Part::NatPort)?;
    let nat = outside.map(|outside_ip| Translation {
        from: flow.start,
        to: (end != EndReason::Active).then_some(flow.end),
        protocol: flow.protocol,
        inside_ip: flow.src_ip,
        inside_port: Some(flow.src_port).filter(|port| *port != 0),
        outside_ip,
        outside_port_first: port,
        outside_port_last: port,
    });
    Ok((event, nat))
}

/// `: session closed TCP FIN: 10.1.2.3/51000->192.0.2.7/443 junos-https 198.51.100.2/20000->192.0.2.7/443 r1 None 6 out trust untrust 7
/// 10(1000) 12(9000) 30 ...`: the ends, the ends as translated, and, at the end, packets and bytes of either side and seconds.
fn in_words<'a>(
    rest: &'a [u8],
    time: Timestamp,
    action: Option<Action>,
    end: EndReason,
) -> Result<(Event<'a>, Option<Translation>), Passed> {
    let arrow = memmem::find(rest, b"->").ok_or(MISSING)?;
    let before = rest.get(..arrow).unwrap_or_default();
    let src = Words::of(before).last().ok_or(MISSING)?;
    let mut words = Words::of(rest.get(arrow + 2..).unwrap_or_default());
    let dst = words.next().ok_or(MISSING)?;
    let (src, dst) = (split_port(src)?, split_port(dst)?);
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::ClientIp, src.0);
    said.put(Part::ClientPort, src.1);
    said.put(Part::ServerIp, dst.0);
    said.put(Part::ServerPort, dst.1);
    let outside = words
        .clone()
        .find_map(|word| word.get(..memmem::find(word, b"->")?))
        .and_then(|end| split_port(end).ok());
    if let Some((ip, port)) = outside {
        said.put(Part::NatIp, ip);
        said.put(Part::NatPort, port);
    }
    counts(&mut said, words.clone());
    // The number of the protocol is a word of its own, or followed by a type in brackets.
    let protocol = words.find(|word| {
        word.first().is_some_and(u8::is_ascii_digit)
            && !word.contains(&b'/')
            && protocol_of(word).is_some()
            && word.len() <= 7
    });
    said.put(Part::Protocol, protocol.unwrap_or_default());
    let idle = memmem::find(before, b"idle").is_some() && end == EndReason::End;
    let end = if idle { EndReason::Idle } else { end };
    with_translation(&said, time, action, end)
}

/// `10(1000) 12(9000) 30`: what the client sent, what the server did, and for how long.
fn counts<'a>(said: &mut Said<'a>, words: Words<'a>) {
    let counted = |word: &'a [u8]| {
        let (packets, rest) = word.split_at_checked(memchr::memchr(b'(', word)?)?;
        let bytes = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
        let all = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        (all(packets) && all(bytes)).then_some((packets, bytes))
    };
    let mut words = words.skip_while(|word| memmem::find(word, b"->").is_none());
    let mut last = None;
    while let Some(word) = words.next() {
        let this = counted(word);
        if let (Some((sent_packets, sent)), Some((received_packets, received))) = (last, this) {
            said.put(Part::SentPackets, sent_packets);
            said.put(Part::Sent, sent);
            said.put(Part::ReceivedPackets, received_packets);
            said.put(Part::Received, received);
            let seconds = words.next().filter(|word| number(word).is_some());
            said.put(Part::Duration, seconds.unwrap_or_default());
            return;
        }
        last = this;
    }
}

fn split_port(end: &[u8]) -> Result<(&[u8], &[u8]), RejectReason> {
    let at = memchr::memrchr(b'/', end).ok_or(RejectReason::BadAddress)?;
    let ip = end
        .get(..at)
        .filter(|ip| address(ip).is_some())
        .ok_or(RejectReason::BadAddress)?;
    Ok((ip, end.get(at + 1..).unwrap_or_default()))
}
